/**
 * One life of a member's API: the production `EtcdApi` above the host and the state machine of the same process, with the ports that the
 * server gives it. What the server does around it (time, sweeping, telling of a new leader) is done here in the same way.
 */
import { must, type Prng } from "@quorate/base";
import {
  apiLimitsDefault,
  type BidiApiCall,
  type CancelHandle,
  EtcdApi,
  type ReadOutcome,
  type RefusalReason,
  type ReplicationStatus,
  type SubmitOutcome,
  type UnaryApiCall,
} from "@quorate/etcd";
import { decodeCommand, type KvResult, type KvStateMachine } from "@quorate/kv";
import {
  type ConfState,
  encodeSessionCommand,
  type NodeId,
  type ProposalOutcome,
  type RaftHost,
  type ReadOutcome as RaftReadOutcome,
} from "@quorate/raft";
import type { MachineResult } from "../session-machine.ts";
import { promise } from "../violation.ts";

/** The number that the server puts on the wire for such questions. */
const questionChannel = 16;
/** Revocations and barriers of the member's own that may wait beside the calls of clients. */
const ownPendingMax = 400;

/** What an API needs of its member. */
interface EtcdServerParts {
  readonly id: NodeId;
  readonly host: RaftHost<MachineResult>;
  readonly machine: KvStateMachine;
  readonly random: Prng;
  readonly keepsSessions: boolean;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly quotaBytes: number;
  readonly progressIntervalMs: number;
  /** Events and keys between two other pieces of work: few, so that much comes between. */
  readonly sliceCount: number;
  readonly fastLeaseKeepAlive: boolean;
  readonly confState: ConfState;
  /** The member's clock, in milliseconds. */
  readonly nowMs: () => number;
  readonly defer: (work: () => void) => void;
  /** This member proposes the end of a lease, as the leader of `term`. */
  readonly deciding: (lease: bigint, term: number) => void;
}

/** See the head of this file. */
export class EtcdServer {
  readonly #parts: EtcdServerParts;
  readonly #api: EtcdApi;
  readonly #open = new Set<UnaryApiCall | BidiApiCall>();
  #confState: ConfState;
  #leaderSinceMs: number;
  #isStopped = false;

  constructor(parts: EtcdServerParts) {
    this.#parts = parts;
    this.#confState = parts.confState;
    this.#leaderSinceMs = parts.nowMs();
    const { electionTimeoutMs, heartbeatMs, host, machine, random } = parts;
    this.#api = new EtcdApi({
      replication: {
        submit: (command, done) => this.#submit(command, done),
        readBarrier: (done) => cancelOf(host.read((outcome) => done(readOutcome(outcome)))),
        status: () => this.#status(),
      },
      leaderPort: {
        askLeader: (question, done) => {
          host.requestLeader(questionChannel, question, (outcome) =>
            done(outcome.kind === "answered" ? outcome.bytes : null),
          );
        },
      },
      store: machine,
      membership: { clusterId: 1, members: () => [] },
      defer: { defer: (work) => parts.defer(() => this.#unlessStopped(work)) },
      clock: { nowMs: parts.nowMs },
      random: { uint32: () => random.uint32() },
      limits: {
        ...apiLimitsDefault(electionTimeoutMs, heartbeatMs),
        watchProgressNotifyIntervalMs: parts.progressIntervalMs,
        sliceEventCount: parts.sliceCount,
        sliceKeyCount: parts.sliceCount,
        fastLeaseKeepAlive: parts.fastLeaseKeepAlive,
      },
      about: { version: "3.7.0", storageVersion: "3.7.0", quotaBytes: parts.quotaBytes },
      nowMs: parts.nowMs(),
    });
    host.onRequest(questionChannel, (_from, question, answer) => this.#api.answerMember(question, answer));
  }

  /** Requests that wait for an outcome. */
  get pendingCount(): number {
    return this.#api.pendingCount;
  }

  unary(path: string, request: Uint8Array, call: UnaryApiCall): void {
    const method = must(this.#api.methods.get(path), "etcd server: no such method");
    promise(method.kind === "unary", "invariant", () => `${path} is a ${method.kind} method`);
    this.#open.add(call);
    method.handle(request, call);
  }

  bidi(path: string, call: BidiApiCall): void {
    const method = must(this.#api.methods.get(path), "etcd server: no such method");
    promise(method.kind === "bidi", "invariant", () => `${path} is a ${method.kind} method`);
    this.#open.add(call);
    method.handle(call);
  }

  /** The clock has moved. Something of what compaction hid is freed, also while the member writes its last image. */
  tick(): void {
    this.#parts.machine.sweep(this.#parts.random.pick([1, 10, 1000]));
    if (this.#isStopped) {
      return;
    }
    this.#api.tick(this.#parts.nowMs());
    this.#checkPending();
  }

  /** Whoever leads may be another one now. */
  leaderMayHaveChanged(): void {
    this.#leaderSinceMs = this.#parts.nowMs();
    this.#parts.defer(() => this.#unlessStopped(() => this.#api.leaderMayHaveChanged()));
  }

  /** A configuration is in force. */
  configured(confState: ConfState): void {
    this.#confState = confState;
  }

  /** Ends everything that waits. */
  stop(): void {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#api.stop();
      promise(
        this.#api.pendingCount === 0,
        "bounded-memory",
        () => "requests wait behind the stop of the API",
      );
    }
  }

  #unlessStopped(work: () => void): void {
    if (!this.#isStopped) {
      work();
    }
  }

  /** Each waiting request is that of an open call, or one of the member's own. */
  #checkPending(): void {
    for (const call of this.#open) {
      if (call.ended) {
        this.#open.delete(call);
      }
    }
    const { pendingCount } = this.#api;
    promise(
      pendingCount <= this.#open.size + ownPendingMax,
      "bounded-memory",
      () => `${pendingCount} requests wait at node ${this.#parts.id}, for ${this.#open.size} calls`,
    );
  }

  #submit(command: Uint8Array, done: (outcome: SubmitOutcome) => void): CancelHandle {
    const decoded = decodeCommand(command);
    if (decoded.type === "lease-revoke" && decoded.fenceTerm !== 0) {
      this.#parts.deciding(decoded.id, decoded.fenceTerm);
    }
    const bytes = this.#parts.keepsSessions ? encodeSessionCommand({ kind: "plain", command }) : command;
    return cancelOf(this.#parts.host.propose(bytes, (outcome) => done(submitOutcome(outcome))));
  }

  #status(): ReplicationStatus {
    const { host, id } = this.#parts;
    const { voters, votersOutgoing } = this.#confState;
    return {
      memberId: id,
      term: host.term,
      leader: host.leader,
      committed: host.committed,
      applied: host.applied,
      isLearner: !voters.includes(id) && !votersOutgoing.includes(id),
      leaderSinceMs: this.#leaderSinceMs,
      connectedSinceMs: null,
    };
  }
}

function cancelOf(waiting: { readonly abandon: () => void }): CancelHandle {
  return { cancel: () => waiting.abandon() };
}

type RaftRefusal = Extract<ProposalOutcome, { readonly kind: "refused" }>["reason"];

/** As the server translates it. */
const refusals: { readonly [R in RaftRefusal]: RefusalReason } = {
  "no-leader": "no-leader",
  "not-leader": "not-leader",
  "leader-changed": "leader-changed",
  "uncommitted-limit": "too-many-requests",
  "too-large": "too-large",
  transferring: "leader-changed",
  "not-a-member": "not-a-member",
  stopped: "stopped",
};

const unknowns = {
  "leader-changed": "leader-changed",
  "connection-lost": "connection-lost",
  snapshot: "connection-lost",
  stopped: "stopped",
  abandoned: "timeout",
} as const;

const readRefusals = {
  "no-leader": "no-leader",
  "too-many": "too-many-requests",
  stopped: "stopped",
  abandoned: "leader-changed",
} as const;

function readOutcome(outcome: RaftReadOutcome): ReadOutcome {
  return outcome.kind === "ready"
    ? { kind: "ready" }
    : { kind: "refused", reason: readRefusals[outcome.reason], leader: outcome.leader };
}

function submitOutcome(outcome: ProposalOutcome<MachineResult>): SubmitOutcome<KvResult> {
  switch (outcome.kind) {
    case "applied": {
      promise(
        outcome.result.kind === "applied",
        "exactly-once",
        () => "a command without a session is answered as one of a session",
      );
      return { kind: "applied", index: outcome.index, result: outcome.result.result };
    }
    case "refused":
      return { kind: "refused", reason: refusals[outcome.reason], leader: outcome.leader };
    case "unknown":
      return { kind: "unknown", reason: unknowns[outcome.reason] };
  }
}
