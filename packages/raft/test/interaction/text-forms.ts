/**
 * The one place that knows how etcd-io/raft prints what our types hold. Names such as MsgApp appear in no other file.
 */
import { utf8Decode } from "@quorate/base";
import {
  type ConfChangeSingle,
  type ConfState,
  decodeConfChange,
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  type ProgressStatus,
  type ReadState,
  type Role,
  type SnapshotMetadata,
  type SoftState,
} from "@quorate/raft";

/** A message as the scripts print it: ours, or one of the driver's own between a member and its storage. */
export type Envelope =
  | { readonly kind: "peer"; readonly message: Message }
  | StorageAppend
  | { readonly kind: "append-done"; readonly seq: number; readonly text: Fields }
  | StorageApply
  | { readonly kind: "apply-done"; readonly index: number; readonly text: Fields };

/** Work for the thread that writes the log. */
export interface StorageAppend {
  readonly kind: "append";
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMetadata | null;
  readonly responses: readonly Envelope[];
  readonly text: Fields;
}

/** Work for the thread that applies entries. */
export interface StorageApply {
  readonly kind: "apply";
  readonly entries: readonly Entry[];
  readonly responses: readonly Envelope[];
  readonly text: Fields;
}

/** What a printed message consists of. */
export interface Fields {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly term: number;
  readonly logTerm?: number;
  readonly index?: number;
  readonly hint?: number;
  readonly commit?: number;
  readonly vote?: number;
  readonly entries?: readonly Entry[];
  readonly snapshot?: SnapshotMetadata | null;
}

/** The name that `type` has in the scripts. */
const messageNames: { readonly [Type in MessageType]: string } = {
  "append-entries": "MsgApp",
  "append-response": "MsgAppResp",
  "request-vote": "MsgVote",
  "vote-response": "MsgVoteResp",
  "pre-vote": "MsgPreVote",
  "pre-vote-response": "MsgPreVoteResp",
  heartbeat: "MsgHeartbeat",
  "heartbeat-response": "MsgHeartbeatResp",
  "install-snapshot": "MsgSnap",
  "timeout-now": "MsgTimeoutNow",
  "forward-proposal": "MsgProp",
  "read-index": "MsgReadIndex",
  "read-index-response": "MsgReadIndexResp",
  "transfer-leadership": "MsgTransferLeader",
};

const roleNames: { readonly [R in Role]: string } = {
  follower: "StateFollower",
  "pre-candidate": "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
};

/** A role's name. */
export function roleText(role: Role): string {
  return roleNames[role];
}

const entryNames = {
  normal: "EntryNormal",
  "conf-change": "EntryConfChange",
  "conf-change-v2": "EntryConfChangeV2",
} as const;

const operationLetters: { readonly [Op in ConfChangeSingle["op"]]: string } = {
  "add-voter": "v",
  "add-learner": "l",
  remove: "r",
  update: "u",
};

const quotedLetters: ReadonlyMap<string, string> = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ['"', '\\"'],
  ["\\", "\\\\"],
]);

/** Bytes as a quoted string of Go. */
function quoted(data: Uint8Array): string {
  const text = utf8Decode(data);
  if (text !== null) return `"${Array.from(text, quotedChar).join("")}"`;
  return `"${Array.from(data, (byte) => (byte < 0x80 ? quotedChar(String.fromCharCode(byte)) : hexEscape(byte))).join("")}"`;
}

function quotedChar(char: string): string {
  const letter = quotedLetters.get(char);
  if (letter !== undefined) return letter;
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return hexEscape(code);
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\U${code.toString(16).padStart(8, "0")}`;
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** `1/11 EntryNormal "x"`. */
export function entryText(entry: Entry): string {
  const content =
    entry.type === "normal"
      ? quoted(entry.data)
      : decodeConfChange(entry.data)
          .changes.map((change) => `${operationLetters[change.op]}${change.id}`)
          .join(" ");
  return `${entry.term}/${entry.index} ${entryNames[entry.type]}${content === "" ? "" : ` ${content}`}`;
}

function confStateText(confState: ConfState): string {
  const list = (ids: readonly number[]): string => `[${ids.join(" ")}]`;
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  return `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`;
}

/** `Index:12 Term:1 ConfState:…`. */
export function snapshotText(snapshot: SnapshotMetadata): string {
  return `Index:${snapshot.index} Term:${snapshot.term} ConfState:${confStateText(snapshot.confState)}`;
}

/** `Term:1 Vote:1 Commit:10`. */
export function hardStateText(hardState: HardState): string {
  const vote = hardState.vote === 0 ? "" : ` Vote:${hardState.vote}`;
  return `Term:${hardState.term}${vote} Commit:${hardState.commit}`;
}

/** `Lead:1 State:StateLeader`. */
export function softStateText(softState: SoftState): string {
  return `Lead:${softState.leader} State:${roleText(softState.role)}`;
}

/** `[{12 [114 48]}]`. */
export function readStatesText(readStates: readonly ReadState[]): string {
  return `[${readStates.map((read) => `{${read.index} [${[...read.context].join(" ")}]}`).join(" ")}]`;
}

const progressNames = {
  probe: "StateProbe",
  replicate: "StateReplicate",
  snapshot: "StateSnapshot",
} as const;

/** `StateReplicate match=3 next=4 …`. */
export function progressText(progress: ProgressStatus): string {
  const parts = [`${progressNames[progress.state]} match=${progress.match} next=${progress.next}`];
  if (progress.isLearner) parts.push("learner");
  if (progress.paused) parts.push("paused");
  if (progress.pendingSnapshot > 0) parts.push(`pendingSnap=${progress.pendingSnapshot}`);
  if (!progress.recentActive) parts.push("inactive");
  if (progress.inflightCount > 0) {
    parts.push(`inflight=${progress.inflightCount}${progress.inflightFull ? "[full]" : ""}`);
  }
  return parts.join(" ");
}

function readEntry(context: Uint8Array): Entry[] {
  return [{ term: 0, index: 0, type: "normal", data: context } as unknown as Entry];
}

/** What is printed of a message between members. */
function peerFields(message: Message): Fields {
  const head = {
    from: message.from.toString(16),
    to: message.to.toString(16),
    type: messageNames[message.type],
    term: message.term,
  };
  switch (message.type) {
    case "append-entries": {
      const { previous, commit, entries } = message;
      return { ...head, logTerm: previous.term, index: previous.index, commit, entries };
    }
    case "append-response":
      return message.rejected
        ? { ...head, logTerm: message.hint.term, index: message.index, hint: message.hint.index }
        : { ...head, index: message.index };
    case "request-vote":
    case "pre-vote":
      return { ...head, logTerm: message.last.term, index: message.last.index };
    case "vote-response":
    case "pre-vote-response":
      return message.granted ? head : { ...head, hint: 0 };
    case "heartbeat":
      return { ...head, commit: message.commit };
    case "install-snapshot":
      return { ...head, snapshot: message.snapshot };
    case "forward-proposal":
      return { ...head, entries: message.entries };
    case "read-index":
      return { ...head, entries: readEntry(message.context) };
    case "read-index-response":
      return { ...head, index: message.index, entries: readEntry(message.context) };
    case "heartbeat-response":
    case "timeout-now":
    case "transfer-leadership":
      return head;
  }
}

/** One message, with those nested in it. */
export function envelopeText(envelope: Envelope, withResponses = true, indent = ""): string {
  const fields = envelope.kind === "peer" ? peerFields(envelope.message) : envelope.text;
  let text = `${indent}${fields.from}->${fields.to} ${fields.type} Term:${fields.term} Log:${fields.logTerm ?? 0}/${fields.index ?? 0}`;
  if (fields.hint !== undefined) text += ` Rejected (Hint: ${fields.hint})`;
  if (fields.commit) text += ` Commit:${fields.commit}`;
  if (fields.vote) text += ` Vote:${fields.vote}`;
  text += entriesText(fields.entries ?? [], indent);
  if (fields.snapshot && fields.snapshot.index > 0)
    text += `\n${indent}  Snapshot: ${snapshotText(fields.snapshot)}`;
  if (withResponses && "responses" in envelope && envelope.responses.length > 0) {
    const responses = envelope.responses.map((response) => envelopeText(response, true, `${indent}  `));
    text += ` Responses:[\n${responses.join("\n")}\n${indent}]`;
  }
  return text;
}

function entriesText(entries: readonly Entry[], indent: string): string {
  if (entries.length === 0) {
    return "";
  }
  if (entries.length === 1) {
    return ` Entries:[${entryText(entries[0] as Entry)}]`;
  }
  return ` Entries:[${entries.map((entry) => `\n${indent}  ${entryText(entry)}`).join("")}\n${indent}]`;
}

/** The type's name in the scripts, for `type=` filters. */
export function envelopeType(envelope: Envelope): string {
  return envelope.kind === "peer" ? messageNames[envelope.message.type] : envelope.text.type;
}
