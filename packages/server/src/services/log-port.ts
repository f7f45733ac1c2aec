/** A running Raft node as the port of the API: commands, barriers, questions to the leader, and what it tells of itself. */
import type { CancelHandle, LeaderPort, ReplicationPort, ReplicationStatus } from "@quorate/etcd";
import type { KvResult } from "@quorate/kv";
import type { Waiting } from "@quorate/raft";
import type { RaftNode } from "@quorate/raft-node";
import type { LeaderRequests } from "../corruption/corruption-check.ts";
import type { ServerStatus } from "../http/server-probe.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { readRefusals, submitOutcome } from "./outcomes.ts";
import type { PeerLinks } from "./peer-links.ts";
import type { Leadership } from "./raft-events.ts";
import type { KnownMembers } from "./reconfiguration.ts";

/** What one member's API asks that of the leader. The numbers stand on the wire. */
const questionChannel = 16;
/** What members say to the leader about the hashes of their histories. */
const hashChannel = 17;

/** The part of {@link ServerStatus} that the log knows. */
type ReplicationView = Pick<
  ServerStatus,
  | "id"
  | "role"
  | "leader"
  | "term"
  | "committed"
  | "applied"
  | "firstIndex"
  | "lastIndex"
  | "leaderChangeCount"
  | "logDamaged"
  | "repairedEntryCount"
  | "proposalsPending"
> & { matchOf(id: number): number | null };

/** The port of the API, and what else is asked of a running log. */
export interface LogPort extends ReplicationPort, LeaderPort {
  observe(): ReplicationView;
  /** Calls `listener`, in a turn of its own, when a leader was found or lost. */
  onLeaderChange(listener: () => void): void;
  /** Whom the leader asks when another member's API has a question; called once, before there can be one. */
  answerMembers(answer: (question: Uint8Array, done: (answer: Uint8Array) => void) => void): void;
  /** How members and leader talk about the hashes of their histories. */
  readonly hashRequests: LeaderRequests;
}

/** Makes the port. */
export function logPort(
  node: RaftNode<never, KvResult>,
  metrics: Pick<Metrics, "proposalFailed">,
  links: PeerLinks,
  leadership: Leadership,
  members: KnownMembers,
): LogPort {
  const counts = { pending: 0 };
  const status = liveStatus(node, members, links, leadership);
  return {
    status: () => status,
    submit(command, done): CancelHandle {
      counts.pending += 1;
      const waiting = node.submit(command, (outcome) => {
        counts.pending -= 1;
        if (outcome.kind !== "applied") {
          metrics.proposalFailed();
        }
        done(submitOutcome(outcome));
      });
      return new Abandoning(waiting);
    },
    readBarrier(done): CancelHandle {
      let cancelled = false;
      const waiting = node.readBarrier((outcome) => {
        if (!cancelled) {
          done(
            outcome.kind === "ready"
              ? { kind: "ready" }
              : { kind: "refused", reason: readRefusals[outcome.reason], leader: outcome.leader },
          );
        }
      });
      return {
        cancel() {
          cancelled = true;
          waiting.abandon();
        },
      };
    },
    observe: () => observeNode(node, leadership.changeCount, counts.pending),
    onLeaderChange(listener) {
      node.subscribe((event) => {
        if (event.type === "leader") {
          setImmediate(listener);
        }
      });
    },
    askLeader(question, done) {
      node.requestLeader(questionChannel, question, (outcome) => {
        done(outcome.kind === "answered" ? outcome.bytes : null);
      });
    },
    answerMembers: (answer) =>
      node.onRequest(questionChannel, (_from, question, done) => answer(question, done)),
    hashRequests: {
      ask(question, done) {
        node.requestLeader(hashChannel, question, (outcome) => {
          done(outcome.kind === "answered" ? outcome.bytes : null);
        });
      },
      answer: (handler) => node.onRequest(hashChannel, handler),
    },
  };
}

/** PERF: a class, because each write makes one: an object literal would make a closure, too. */
class Abandoning implements CancelHandle {
  readonly #waiting: Waiting;

  constructor(waiting: Waiting) {
    this.#waiting = waiting;
  }

  cancel(): void {
    this.#waiting.abandon();
  }
}

/** PERF: asked several times for each request, so it is one object that looks at the node when it is read. */
function liveStatus(
  node: RaftNode<never, KvResult>,
  members: KnownMembers,
  links: PeerLinks,
  leadership: Leadership,
): ReplicationStatus {
  return {
    memberId: node.id,
    get isLearner() {
      return members.isLearner(node.id);
    },
    get term() {
      return node.term;
    },
    get leader() {
      return node.leader;
    },
    get committed() {
      return node.committed;
    },
    get applied() {
      return node.applied;
    },
    get leaderSinceMs() {
      return leadership.leaderSinceMs;
    },
    get connectedSinceMs() {
      return node.isLeader ? links.sinceCount(members.otherVoterCount) : links.sinceOf(node.leader);
    },
  };
}

function observeNode(
  node: RaftNode<never, KvResult>,
  leaderChangeCount: number,
  proposalsPending: number,
): ReplicationView {
  const { applied, counters, hardState, leader, progress, role, voteFloor } = node.status();
  return {
    id: node.id,
    role,
    leader,
    term: hardState.term,
    committed: hardState.commit,
    applied,
    ...node.logRange,
    leaderChangeCount,
    proposalsPending,
    logDamaged: voteFloor !== null,
    repairedEntryCount: counters.entriesRepaired,
    matchOf: (id) => progress.find((member) => member.id === id)?.match ?? null,
  };
}
