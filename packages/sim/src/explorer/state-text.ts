/**
 * Everything that decides what the core does next, as a text: two members with equal texts behave alike from here on. Left out are
 * timers, because here time-outs come by themselves, and what only the quorum check reads.
 */
import { assert } from "@quorate/base";
import type { Entry, Message, RaftState, RawNode, Ready } from "@quorate/raft";
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

/** The text of a message; equal for equal messages on equal links. */
export function messageText(node: RawNode, message: Message): string {
  const parts = [`${message.type}@${message.from}@${message.to}`, `t${message.term}`];
  switch (message.type) {
    case "append-entries":
      parts.push(logIdText(message.previous), `c${message.commit}`);
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

/** The text of the core's state and of the batches on their way to the disk. */
export function stateText(
  node: RawNode,
  durable: readonly Entry[],
  hardText: string,
  pending: readonly Ready[],
): NamedText {
  const state = node.unsafeState;
  checkDrained(state);
  const { log, tracker } = state;
  const { confState, members } = tracker.membership;
  const entries: string[] = [];
  for (let index = log.unstable.offset; index <= log.lastIndex; index = following(index)) {
    entries.push(entryText(node, log.unstable.entry(index)));
  }
  const own = [
    `@${state.id} t${state.term} v@${state.vote} ${state.role} l@${state.leader}`,
    `c${log.committed} a${log.applying} ${log.applied} u${log.unstable.offset}`,
    `p${state.pendingConfIndex} b${state.uncommittedBytes} tr@${state.transferee} auto${confState.autoLeave}`,
    `disk ${hardText} ${durable.map((entry) => entryText(node, entry)).join(" ")}`,
    `unstable ${entries.join(" ")}`,
    ...pending.map((ready) => pendingText(node, ready)),
  ].join(";");
  const lines = [
    ...(["voters", "learners", "votersOutgoing", "learnersNext"] as const).flatMap((part) =>
      confState[part].map((id) => `${part}@${id}`),
    ),
    ...[...tracker.votes].map(([id, granted]) => `vote@${id} ${granted}`),
    ...members.map((one) => {
      assert(one.state !== "snapshot", "explorer: nothing is compacted, so nobody needs a snapshot");
      const flags = `${one.flowPaused} ${one.waitsForLog} ${one.isLearner}`;
      return `progress@${one.id} ${one.match} ${one.next} ${one.sentCommit} ${one.state} ${flags} ${one.inflights.lastIndexes().join(".")}`;
    }),
  ];
  return { own, lines };
}

function pendingText(node: RawNode, ready: Ready): string {
  const hard = ready.hardState;
  return [
    "pending",
    hard === null ? "-" : `t${hard.term} v@${hard.vote} c${hard.commit}`,
    ...ready.entries.map((entry) => `${entry.index}=${entryText(node, entry)}`),
    ...ready.sendAfterPersist.map((message) => messageText(node, message)),
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
