/**
 * Messages and states as one line of text each: for traces, tests and people. The forms are stable and golden-tested, because
 * stored traces are compared by them.
 */
import type { TraceEvent, TraceMessage } from "./trace.ts";
import type { ConfState } from "./types/conf-state.ts";
import type { Entry, LogId } from "./types/entry.ts";
import type { HardState } from "./types/hard-state.ts";
import type { Message } from "./types/message.ts";
import type { Ready } from "./types/ready.ts";
import type { SnapshotMetadata } from "./types/snapshot.ts";
import type { ProgressStatus, Status } from "./types/status.ts";

/** `2/17`: term and index. */
export function describeLogId(id: LogId): string {
  return `${id.term}/${id.index}`;
}

/** `2/17 normal 5B`. */
export function describeEntry(entry: Entry): string {
  return `${describeLogId(entry)} ${entry.type} ${entry.data.length}B`;
}

/** `voters=1,2 outgoing=1,2,3 learners=4 next=3 auto`: what is empty is left out. */
export function describeConfState(confState: ConfState): string {
  const lists: readonly (readonly [string, readonly number[]])[] = [
    ["voters", confState.voters],
    ["outgoing", confState.votersOutgoing],
    ["learners", confState.learners],
    ["next", confState.learnersNext],
  ];
  const parts = lists.filter(([, ids]) => ids.length > 0).map(([name, ids]) => `${name}=${ids.join(",")}`);
  return [...parts, ...(confState.autoLeave ? ["auto"] : [])].join(" ");
}

/** `2/17 [voters=1,2,3]`. */
export function describeSnapshot(snapshot: SnapshotMetadata): string {
  return `${describeLogId(snapshot)} [${describeConfState(snapshot.confState)}]`;
}

/** `term=2 vote=1 commit=17`. */
export function describeHardState(hardState: HardState): string {
  return `term=${hardState.term} vote=${hardState.vote} commit=${hardState.commit}`;
}

/**
 * `1>2 append-entries t2 prev=2/16 commit=16 entries=2/17..2/18`.
 *
 * @example
 * ```ts
 * import { describeMessage, toNodeId, toTerm } from "@quorate/raft";
 * describeMessage({ type: "timeout-now", from: toNodeId(1), to: toNodeId(2), term: toTerm(3) }); // "1>2 timeout-now t3"
 * ```
 */
export function describeMessage(message: Message): string {
  const head = `${message.from}>${message.to} ${message.type} t${message.term}`;
  const details = messageDetails(message);
  return details === "" ? head : `${head} ${details}`;
}

function messageDetails(message: Message): string {
  switch (message.type) {
    case "append-entries":
      return `prev=${describeLogId(message.previous)} commit=${message.commit} entries=${describeRun(message.entries)}`;
    case "append-response":
      return message.rejected
        ? `rejected=${message.index} hint=${describeLogId(message.hint)}`
        : `index=${message.index}`;
    case "request-vote":
    case "pre-vote":
      return `last=${describeLogId(message.last)}${message.leadershipTransfer ? " transfer" : ""}`;
    case "vote-response":
    case "pre-vote-response":
      return message.granted ? "granted" : "refused";
    case "heartbeat":
      return `commit=${message.commit} context=${message.context.length}B`;
    case "heartbeat-response":
    case "read-index":
      return `context=${message.context.length}B`;
    case "read-index-response":
      return `index=${message.index} context=${message.context.length}B`;
    case "install-snapshot":
      return describeSnapshot(message.snapshot);
    case "forward-proposal":
      return `entries=${message.entries.length}`;
    case "timeout-now":
    case "transfer-leadership":
      return "";
  }
}

function describeRun(entries: readonly Entry[]): string {
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) {
    return "none";
  }
  return first === last ? describeLogId(first) : `${describeLogId(first)}..${describeLogId(last)}`;
}

/** `#3 sync leader=1 role=leader term=2 vote=1 commit=17 entries=… send=2 after=1 apply=… reads=0`: what is empty is left out. */
export function describeReady(ready: Ready): string {
  const { softState, hardState, entries, snapshot, apply, readStates } = ready;
  const parts = [
    `#${ready.seq}`,
    ready.mustSync ? "sync" : "",
    softState === null ? "" : `leader=${softState.leader} role=${softState.role}`,
    hardState === null ? "" : describeHardState(hardState),
    entries.length === 0 ? "" : `entries=${describeRun(entries)}`,
    snapshot === null ? "" : `snapshot=${describeSnapshot(snapshot)}`,
    ready.sendNow.length === 0 ? "" : `send=${ready.sendNow.length}`,
    ready.sendAfterPersist.length === 0 ? "" : `after=${ready.sendAfterPersist.length}`,
    apply.length === 0 ? "" : `apply=${describeRun(apply)}`,
    readStates.length === 0 ? "" : `reads=${readStates.length}`,
    ready.loads.length === 0 ? "" : `loads=${ready.loads.length}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** `2:replicate 16<17 inflight=1`: match below next, then what is out of the ordinary. */
export function describeProgress(progress: ProgressStatus): string {
  const parts = [
    `${progress.id}:${progress.state}`,
    `${progress.match}<${progress.next}`,
    progress.isLearner ? "learner" : "",
    progress.paused ? "paused" : "",
    progress.pendingSnapshot > 0 ? `snapshot=${progress.pendingSnapshot}` : "",
    progress.recentActive ? "" : "silent",
    progress.inflightCount > 0 ? `inflight=${progress.inflightCount}` : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** `1 leader of 1 term=2 vote=1 commit=17 applied=17 last=2/17 [voters=1,2,3]`. */
export function describeStatus(status: Status): string {
  const { id, role, leader, hardState, applied, last, confState } = status;
  return `${id} ${role} of ${leader} ${describeHardState(hardState)} applied=${applied} last=${describeLogId(last)} [${describeConfState(confState)}]`;
}

/**
 * `1 receive 2>1 heartbeat-response t2 | leader of 1 t2 commit=17 applied=17 last=2/17 sent=1`: who, the input, the state after it,
 * what it produced.
 */
export function describeTraceEvent(event: TraceEvent): string {
  const { appended, dropped, kind, message, node, promised, sent, state, target } = event;
  const input = [
    dropped === undefined ? "" : `(${dropped} missing)`,
    String(node),
    kind,
    target === undefined ? "" : `to ${target}`,
    message === undefined ? "" : describeTraceMessage(message),
  ];
  const output = [
    `${state.role} of ${state.leader} t${state.term} commit=${state.commit} applied=${state.applied} last=${describeLogId(state.last)}`,
    countOf("appended", appended),
    countOf("sent", sent),
    countOf("promised", promised),
  ];
  const line = (parts: readonly string[]): string => parts.filter((part) => part !== "").join(" ");
  return `${line(input)} | ${line(output)}`;
}

function countOf(name: string, list: readonly unknown[] | undefined): string {
  return list === undefined || list.length === 0 ? "" : `${name}=${list.length}`;
}

function describeTraceMessage(message: TraceMessage): string {
  const { commit, entries, from, granted, index, last, previous, rejected, snapshot, term, to, type } =
    message;
  const details = [
    previous === undefined ? "" : `prev=${describeLogId(previous)}`,
    entries === undefined ? "" : `entries=${entries.length}`,
    commit === undefined ? "" : `commit=${commit}`,
    rejected === true ? "rejected" : "",
    index === undefined ? "" : `index=${index}`,
    last === undefined ? "" : `last=${describeLogId(last)}`,
    granted === undefined ? "" : granted ? "granted" : "refused",
    snapshot === undefined ? "" : describeSnapshot(snapshot),
  ];
  return [`${from}>${to} ${type} t${term}`, ...details].filter((part) => part !== "").join(" ");
}
