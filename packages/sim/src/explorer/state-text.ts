/**
 * Everything that decides what the core does next, as a text: two members with equal texts behave alike from here on. Left out are
 * timers, because here time-outs come by themselves, and what only the quorum check reads.
 */
import { assert } from "@quorate/base";
import {
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  noNode,
  type RaftState,
  type RawNode,
  type Ready,
  type Role,
} from "@quorate/raft";
import type { NamedText } from "./names.ts";

/** Every field of the core's state: why it is part of the text, or need not be. A new field does not compile until it stands here. */
const fields: Record<keyof RaftState, "text" | "constant" | "timer" | "drained"> = {
  id: "text",
  config: "constant",
  term: "text",
  vote: "text",
  role: "text",
  leader: "text",
  log: "text",
  tracker: "text",
  electionElapsedTicks: "timer",
  heartbeatElapsedTicks: "timer",
  randomizedTimeoutTicks: "timer",
  leaderSilentTicks: "timer",
  leaseAllowed: "constant",
  leaseGivenUp: "constant",
  voteFloor: "constant",
  commitCeiling: "constant",
  transferee: "text",
  pendingConfIndex: "text",
  uncommittedBytes: "text",
  reads: "constant",
  earlyReads: "drained",
  applyingPages: "drained",
  applyingBytes: "drained",
  applyingPaused: "drained",
  applyWaitsForLog: "drained",
  readStates: "drained",
  messages: "drained",
  messagesAfterPersist: "drained",
};

// ORDER: the names of fields, none of which is a number.
const drained = (Object.keys(fields) as (keyof RaftState)[]).filter((field) => fields[field] === "drained");

/** The text of an entry. A change of the configuration names members, so its bytes are read. */
export function entryText(node: RawNode, entry: Entry): string {
  if (entry.type === "normal") {
    return `${entry.term}:${entry.data.join(".")}`;
  }
  const { transition, changes } = node.confChangeOf(entry);
  return `${entry.term}:${entry.type}-${transition}(${changes.map((one) => `${one.op}@${one.id}`).join(" ")})`;
}

/** The text of a message; equal for messages on one link with which its receiver does the same. */
export function messageText(node: RawNode, message: Message, reduced: boolean): string {
  const parts = [`${message.type}@${message.from}@${message.to}`, `t${message.term}`];
  switch (message.type) {
    case "append-entries":
      parts.push(logIdText(message.previous), `c${reduced ? usedCommit(message) : message.commit}`);
      parts.push(...message.entries.map((entry) => entryText(node, entry)));
      break;
    case "append-response":
      parts.push(`${message.index}`, message.rejected ? `no ${logIdText(message.hint)}` : "yes");
      break;
    case "request-vote":
    case "pre-vote":
      parts.push(logIdText(message.last), `${message.leadershipTransfer}`);
      break;
    case "vote-response":
    case "pre-vote-response":
      parts.push(`${message.granted}`);
      break;
    case "heartbeat":
      parts.push(`c${message.commit}`, message.context.join("."));
      break;
    case "heartbeat-response":
      parts.push(message.context.join("."));
      break;
    default:
      assert(false, "explorer: a message that none of its inputs leads to");
  }
  return parts.join(",");
}

/** RAFT §3.5 [append-commit]: a commit index beyond what an append verifies is read as far as that. */
function usedCommit({ commit, previous, entries }: Message & { readonly type: "append-entries" }): number {
  return Math.min(commit, previous.index + entries.length);
}

/** What a member's state consists of beside its core. */
interface StateParts {
  /** What its disk holds and a crash would leave. */
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  /** Batches on their way to the disk. */
  readonly pending: readonly Ready[];
}

/** How much a text tells. */
export interface TextDetail {
  /** Leaves out what is written anew before anybody reads it. */
  readonly reduced: boolean;
  /** Whether a crash may still show what the disk holds; else only what the core reads from it is told. */
  readonly mayCrash: boolean;
}

/** The text of the core's state and of the batches on their way to the disk. */
export function stateText(node: RawNode, parts: StateParts, detail: TextDetail): NamedText {
  const state = node.unsafeState;
  checkDrained(state);
  const { log, tracker } = state;
  const { confState, members } = tracker.membership;
  const entries: string[] = [];
  for (let index = log.unstable.offset; index <= log.lastIndex; index = following(index)) {
    entries.push(entryText(node, log.unstable.entry(index)));
  }
  const own = [
    `@${state.id} t${state.term} v@${state.vote} ${state.role} l@${detail.reduced ? usedLeader(state) : state.leader}`,
    `c${log.committed} a${log.applying} ${log.applied} u${log.unstable.offset}`,
    `p${state.pendingConfIndex} b${state.uncommittedBytes} tr@${state.transferee} auto${confState.autoLeave}`,
    diskText(node, parts, detail.mayCrash),
    `unstable ${entries.join(" ")}`,
    ...parts.pending.map((ready) => pendingText(node, ready, detail)),
  ].join(";");
  // Votes are counted by candidates, and each campaign begins without any.
  const votes = detail.reduced && state.role === "leader" ? [] : [...tracker.votes];
  const lines = [
    ...(["voters", "learners", "votersOutgoing", "learnersNext"] as const).flatMap((part) =>
      confState[part].map((id) => `${part}@${id}`),
    ),
    ...votes.map(([id, granted]) => `vote@${id} ${granted}`),
    ...members.map((one) => progressText(one, detail.reduced ? state.role : null)),
  ];
  return { own, lines };
}

/** Whether a member votes depends on the leader that it follows only as long as its vote is free. RAFT §3.4 [vote-once]. */
function usedLeader(state: RaftState): NodeId {
  return state.role === "follower" && state.vote !== noNode ? noNode : state.leader;
}

function diskText(node: RawNode, { hardState, entries }: StateParts, mayCrash: boolean): string {
  if (mayCrash) {
    const { term, vote, commit } = hardState;
    return `disk t${term} v@${vote} c${commit} ${entries.map((entry) => entryText(node, entry)).join(" ")}`;
  }
  const { offset } = node.unsafeState.log.unstable;
  assert(offset <= entries.length + 1, "explorer: what is stable is stored");
  const read = entries.slice(0, offset - 1);
  return `stable ${read.map((entry) => entryText(node, entry)).join(" ")}`;
}

/**
 * `reader` is the role of whose member this is, null to tell all: only leaders read more of it than whose it is, and begin by
 * writing all of it.
 */
function progressText(
  one: RaftState["tracker"]["membership"]["members"][number],
  reader: Role | null,
): string {
  assert(one.state !== "snapshot", "explorer: nothing is compacted, so nobody needs a snapshot");
  const whose = `progress@${one.id} ${one.isLearner}`;
  if (reader !== null && reader !== "leader") {
    return whose;
  }
  // A window that never fills holds nothing back, whatever is in it.
  assert(!one.inflights.full, "explorer: a full window");
  const window = reader === null ? one.inflights.lastIndexes().join(".") : "";
  return `${whose} ${one.match} ${one.next} ${one.sentCommit} ${one.state} ${one.flowPaused} ${one.waitsForLog} ${window}`;
}

function pendingText(node: RawNode, ready: Ready, detail: TextDetail): string {
  const hard = ready.hardState;
  return [
    "pending",
    hard === null ? "-" : `t${hard.term} v@${hard.vote} c${hard.commit}`,
    ...ready.entries.map((entry) => `${entry.index}=${entryText(node, entry)}`),
    ...ready.sendAfterPersist.map((message) => messageText(node, message, detail.reduced)),
  ].join(" ");
}

function logIdText(id: { readonly term: number; readonly index: number }): string {
  return `${id.term}/${id.index}`;
}

function following<Index extends number>(index: Index): Index {
  return (index + 1) as Index;
}

/** What the text leaves out as "drained" must be so, or states would be taken as equal that are not. */
function checkDrained(state: RaftState): void {
  for (const field of drained) {
    const value = state[field];
    const isEmpty = Array.isArray(value) ? value.length === 0 : value === 0 || value === false;
    assert(isEmpty, "explorer: the core has something left to say, and the text does not show it");
  }
  assert(state.reads.unconfirmed.length === 0 && state.reads.confirmed === 0, "explorer: nobody reads");
  assert(state.voteFloor === null, "explorer: no disk is damaged");
}
