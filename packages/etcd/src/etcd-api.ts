/**
 * The etcd v3 API over ports: everything between a decoded request and a command, a read or an answer. It knows no clock,
 * no socket and no Promise; a server hands it calls and ticks.
 */
import { assert, unreachable } from "@quorate/base";
import { AuthService } from "./api/auth-service.ts";
import { ClusterService } from "./api/cluster-service.ts";
import { ApiContext } from "./api/context.ts";
import { ElectionService } from "./api/election-service.ts";
import { failUnimplemented } from "./api/failures.ts";
import { FirstCome } from "./api/first-come.ts";
import { HealthService } from "./api/health-service.ts";
import { handleCompact, handleDeleteRange, handlePut, handleRange, handleTxn } from "./api/kv-service.ts";
import { isLearnerQuestion } from "./api/leader-inquiry.ts";
import { chooseLeaseId, LeaseService } from "./api/lease-service.ts";
import { handleLock, handleUnlock } from "./api/lock-service.ts";
import {
  handleAlarm,
  handleDefragment,
  handleDowngrade,
  handleHash,
  handleHashKv,
  handleMoveLeader,
  handleSnapshot,
  handleStatus,
} from "./api/maintenance-service.ts";
import { type MethodKind, methodKinds } from "./api/method-table.ts";
import type { ApiOptions } from "./api/options.ts";
import { handleRangeStream } from "./api/range-stream.ts";
import { WatchService } from "./api/watch-service.ts";
import { Compactor } from "./compactor.ts";
import type { ApiMethod, UnaryApiCall } from "./ports.ts";

type UnaryHandler = (context: ApiContext, input: Uint8Array, call: UnaryApiCall) => void;

const unaryHandlers: ReadonlyMap<string, UnaryHandler> = new Map([
  ["/etcdserverpb.KV/Range", handleRange],
  ["/etcdserverpb.KV/Put", handlePut],
  ["/etcdserverpb.KV/DeleteRange", handleDeleteRange],
  ["/etcdserverpb.KV/Txn", handleTxn],
  ["/etcdserverpb.KV/Compact", handleCompact],
  ["/etcdserverpb.Maintenance/Alarm", handleAlarm],
  ["/etcdserverpb.Maintenance/Status", handleStatus],
  ["/etcdserverpb.Maintenance/Defragment", handleDefragment],
  ["/etcdserverpb.Maintenance/Hash", handleHash],
  ["/etcdserverpb.Maintenance/HashKV", handleHashKv],
  ["/etcdserverpb.Maintenance/MoveLeader", handleMoveLeader],
  ["/etcdserverpb.Maintenance/Downgrade", handleDowngrade],
]);

function unimplemented(kind: MethodKind): ApiMethod {
  switch (kind) {
    case "unary":
      return { kind, handle: (_request, call) => failUnimplemented(call) };
    case "server-stream":
      return { kind, handle: (_request, call) => failUnimplemented(call) };
    case "bidi":
      return { kind, handle: failUnimplemented };
    default:
      return unreachable(kind);
  }
}

function serviceOf(path: string): string {
  return path.slice(1, path.lastIndexOf("/"));
}

/**
 * The API of one member.
 *
 * @example
 * ```ts
 * import { apiLimitsDefault, EtcdApi } from "@quorate/etcd";
 * import { KvStateMachine } from "@quorate/kv";
 * const machine = new KvStateMachine();
 * const status = {
 *   memberId: 1, term: 1, leader: 1, committed: 0, applied: 0, isLearner: false, leaderSinceMs: 0, connectedSinceMs: 0,
 * };
 * let index = 0;
 * const api = new EtcdApi({
 *   replication: {
 *     submit: (command, done) => {
 *       index++;
 *       done({ kind: "applied", index, result: machine.apply(command, { index, term: 1 }) });
 *       return { cancel: () => {} };
 *     },
 *     readBarrier: (done) => {
 *       done({ kind: "ready" });
 *       return { cancel: () => {} };
 *     },
 *     status: () => status,
 *   },
 *   store: machine,
 *   membership: { clusterId: 7, members: () => [] },
 *   defer: { defer: (work) => work() },
 *   random: { uint32: () => 4 },
 *   limits: apiLimitsDefault(),
 *   about: { version: "3.7.0", storageVersion: "3.7.0", quotaBytes: 0 },
 *   nowMs: 0,
 * });
 * api.methods.get("/etcdserverpb.KV/Put")?.kind; // "unary"
 * api.tick(100);
 * ```
 */
export class EtcdApi {
  /** Every method by its full path; those that are not served yet answer UNIMPLEMENTED. */
  readonly methods: ReadonlyMap<string, ApiMethod>;
  readonly #context: ApiContext;
  readonly #cluster: ClusterService;
  readonly #compactor: Compactor;
  readonly #election: ElectionService;
  readonly #firstCome: FirstCome;
  readonly #health: HealthService;
  readonly #lease: LeaseService;
  readonly #watch: WatchService;

  /** From here on the API is the store's observer. */
  constructor(options: ApiOptions) {
    this.#context = new ApiContext(options);
    this.#compactor = new Compactor(options.limits.autoCompaction, options.nowMs);
    this.#cluster = new ClusterService(this.#context);
    this.#health = new HealthService(this.#context, new Set([...methodKinds.keys()].map(serviceOf)));
    this.#lease = new LeaseService(this.#context);
    this.#firstCome = new FirstCome(this.#context, () => chooseLeaseId(this.#context));
    this.#election = new ElectionService(this.#context, this.#firstCome);
    this.#watch = new WatchService(this.#context);
    this.#observe();
    this.methods = this.#buildMethods();
  }

  /** Requests that wait for an outcome. */
  get pendingCount(): number {
    return this.#context.pending.count;
  }

  /** What finding watchers for new events has cost so far, in tree nodes looked at. */
  get watchVisitedCount(): number {
    return this.#watch.hub.visitedCount;
  }

  /**
   * Moves the clock, in milliseconds from any start, never back; ends requests that waited too long and leases whose time is
   * over. It must be monotonic, and called each 50 milliseconds or so: leases live in whole ticks.
   */
  tick(nowMs: number): void {
    this.#context.tick(nowMs);
    this.#cluster.tick();
    this.#compact(nowMs);
    this.#lease.tick(nowMs);
    this.#watch.tick(nowMs);
  }

  /** Answers what another member asked by its {@link LeaderPort}; `done` is called once, maybe before this returns. */
  answerMember(question: Uint8Array, done: (answer: Uint8Array) => void): void {
    if (isLearnerQuestion(question)) {
      done(this.#cluster.answerMember(question));
    } else {
      this.#lease.desk.answer(question, done);
    }
  }

  /**
   * Raises the alarm CORRUPT for a member whose history differs, in the name of this member. It may get lost, as any proposal; whoever
   * found the difference finds it again.
   */
  raiseCorrupt(memberId: number): void {
    const alarm = { type: "alarm", action: "activate", alarm: "corrupt", memberId } as const;
    this.#context.propose(this.#context.encode(alarm), () => {});
  }

  /** A leader was found or lost: requests that wait for one go on now instead of at the next tick. */
  leaderMayHaveChanged(): void {
    this.#context.leaderMayHaveChanged();
    this.#lease.desk.leaderMayHaveChanged();
  }

  /** Ends everything that waits with `etcdserver: server stopped`; later requests are refused the same way. */
  stop(): void {
    this.#context.stop();
    this.#cluster.stop();
    this.#lease.stop();
    this.#firstCome.stop();
    this.#election.stop();
    this.#watch.stop();
    this.#health.stop();
    this.#context.options.store.observe(null);
  }

  #compact(nowMs: number): void {
    const { replication, store } = this.#context.options;
    const { leader, memberId } = replication.status();
    this.#compactor.compacted(store.compactRevision);
    const revision = this.#compactor.due(nowMs, store.revision, leader === memberId);
    if (revision !== null) {
      const command = this.#context.encode({ type: "compaction", revision, physical: false });
      // Whatever becomes of it: where it was lost, the next one forgets what this one would have.
      this.#context.propose(command, () => {});
    }
  }

  #observe(): void {
    const { hub } = this.#watch;
    const { lessor } = this.#lease.desk;
    this.#context.options.store.observe({
      revised: () => {
        hub.revised();
        this.#firstCome.revised();
      },
      forgetting: (revision) => {
        hub.forgetting();
        if (revision !== null) {
          this.#context.compactHashes.begin(revision);
        }
      },
      leaseSet: (lease) => lessor.leaseSet(lease),
      leaseRemoved: (id) => lessor.leaseRemoved(id),
      tokenIssued: (token, user) => this.#context.auth.tokens.issued(token, user),
      tokensRevoked: (user) => this.#context.auth.tokens.revoked(user),
      restored: () => {
        // What became of its users meanwhile is not known.
        this.#context.auth.tokens.revoked(null);
        this.#context.compactHashes.clear();
        lessor.restored();
        hub.revised();
        this.#firstCome.restored();
      },
    });
  }

  #buildMethods(): ReadonlyMap<string, ApiMethod> {
    const methods = new Map<string, ApiMethod>();
    for (const [path, kind] of methodKinds) {
      methods.set(path, unimplemented(kind));
    }
    for (const [path, handler] of unaryHandlers) {
      assert(methodKinds.get(path) === "unary", "etcd api: a handler for a method that is not in the table");
      methods.set(path, { kind: "unary", handle: (input, call) => handler(this.#context, input, call) });
    }
    this.#addAuthMethods(methods);
    this.#addLeaseMethods(methods);
    this.#addClusterMethods(methods);
    this.#addQueueMethods(methods);
    methods.set("/etcdserverpb.KV/RangeStream", {
      kind: "server-stream",
      handle: (input, call) => handleRangeStream(this.#context, input, call),
    });
    methods.set("/etcdserverpb.Maintenance/Snapshot", {
      kind: "server-stream",
      handle: (input, call) => handleSnapshot(this.#context, input, call),
    });
    methods.set("/etcdserverpb.Watch/Watch", { kind: "bidi", handle: (call) => this.#watch.watch(call) });
    methods.set("/grpc.health.v1.Health/Check", {
      kind: "unary",
      handle: (input, call) => this.#health.check(input, call),
    });
    methods.set("/grpc.health.v1.Health/Watch", {
      kind: "server-stream",
      handle: (input, call) => this.#health.watch(input, call),
    });
    assert(methods.size === methodKinds.size, "etcd api: methods beside the table");
    return new Map([...methods].map(([path, method]) => [path, this.#context.auth.guard(path, method)]));
  }

  #addAuthMethods(methods: Map<string, ApiMethod>): void {
    for (const [name, handle] of new AuthService(this.#context).handlers()) {
      const path = `/etcdserverpb.Auth/${name}`;
      assert(methods.has(path), "etcd api: a method of access control that is not in the table");
      methods.set(path, { kind: "unary", handle });
    }
  }

  #addClusterMethods(methods: Map<string, ApiMethod>): void {
    const cluster = this.#cluster;
    const unary = (name: string, handle: (input: Uint8Array, call: UnaryApiCall) => void): void => {
      const path = `/etcdserverpb.Cluster/${name}`;
      assert(methods.has(path), "etcd api: a cluster method that is not in the table");
      methods.set(path, { kind: "unary", handle });
    };
    unary("MemberAdd", (input, call) => cluster.add(input, call));
    unary("MemberRemove", (input, call) => cluster.remove(input, call));
    unary("MemberUpdate", (input, call) => cluster.update(input, call));
    unary("MemberList", (input, call) => cluster.list(input, call));
    unary("MemberPromote", (input, call) => cluster.promote(input, call));
  }

  #addQueueMethods(methods: Map<string, ApiMethod>): void {
    const election = this.#election;
    const unary = (path: string, handle: (input: Uint8Array, call: UnaryApiCall) => void): void => {
      assert(methods.has(path), "etcd api: a method of locks or elections that is not in the table");
      methods.set(path, { kind: "unary", handle });
    };
    unary("/v3lockpb.Lock/Lock", (input, call) => handleLock(this.#context, this.#firstCome, input, call));
    unary("/v3lockpb.Lock/Unlock", (input, call) => handleUnlock(this.#context, input, call));
    unary("/v3electionpb.Election/Campaign", (input, call) => election.campaign(input, call));
    unary("/v3electionpb.Election/Proclaim", (input, call) => election.proclaim(input, call));
    unary("/v3electionpb.Election/Resign", (input, call) => election.resign(input, call));
    unary("/v3electionpb.Election/Leader", (input, call) => election.leader(input, call));
    methods.set("/v3electionpb.Election/Observe", {
      kind: "server-stream",
      handle: (input, call) => election.observe(input, call),
    });
  }

  #addLeaseMethods(methods: Map<string, ApiMethod>): void {
    const lease = this.#lease;
    const unary = (name: string, handle: (input: Uint8Array, call: UnaryApiCall) => void): void => {
      const path = `/etcdserverpb.Lease/${name}`;
      assert(methods.has(path), "etcd api: a lease method that is not in the table");
      methods.set(path, { kind: "unary", handle });
    };
    unary("LeaseGrant", (input, call) => lease.grant(input, call));
    unary("LeaseRevoke", (input, call) => lease.revoke(input, call));
    unary("LeaseTimeToLive", (input, call) => lease.timeToLive(input, call));
    unary("LeaseLeases", (input, call) => lease.leases(input, call));
    methods.set("/etcdserverpb.Lease/LeaseKeepAlive", {
      kind: "bidi",
      handle: (call) => lease.keepAlive(call),
    });
  }
}
