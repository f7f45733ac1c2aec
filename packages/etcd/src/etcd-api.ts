/**
 * The etcd v3 API over ports: everything between a decoded request and a command, a read or an answer. It knows no clock,
 * no socket and no Promise; a server hands it calls and ticks.
 */
import { assert, unreachable } from "@quorate/base";
import { handleMemberList } from "./api/cluster-service.ts";
import { ApiContext, type ApiOptions } from "./api/context.ts";
import { failUnimplemented } from "./api/failures.ts";
import { HealthService } from "./api/health-service.ts";
import { handleCompact, handleDeleteRange, handlePut, handleRange, handleTxn } from "./api/kv-service.ts";
import { handleAlarm, handleStatus } from "./api/maintenance-service.ts";
import { type MethodKind, methodKinds } from "./api/method-table.ts";
import type { ApiMethod, UnaryApiCall } from "./ports.ts";

type UnaryHandler = (context: ApiContext, input: Uint8Array, call: UnaryApiCall) => void;

const unaryHandlers: ReadonlyMap<string, UnaryHandler> = new Map([
  ["/etcdserverpb.KV/Range", handleRange],
  ["/etcdserverpb.KV/Put", handlePut],
  ["/etcdserverpb.KV/DeleteRange", handleDeleteRange],
  ["/etcdserverpb.KV/Txn", handleTxn],
  ["/etcdserverpb.KV/Compact", handleCompact],
  ["/etcdserverpb.Cluster/MemberList", handleMemberList],
  ["/etcdserverpb.Maintenance/Alarm", handleAlarm],
  ["/etcdserverpb.Maintenance/Status", handleStatus],
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
  readonly #health: HealthService;

  constructor(options: ApiOptions) {
    this.#context = new ApiContext(options);
    this.#health = new HealthService(this.#context, new Set([...methodKinds.keys()].map(serviceOf)));
    this.methods = this.#buildMethods();
  }

  /** Requests that wait for an outcome. */
  get pendingCount(): number {
    return this.#context.pending.count;
  }

  /** Moves the clock, in milliseconds from any start, never back; ends requests that waited too long. */
  tick(nowMs: number): void {
    this.#context.tick(nowMs);
  }

  /** A leader was found or lost: requests that wait for one go on now instead of at the next tick. */
  leaderMayHaveChanged(): void {
    this.#context.leaderMayHaveChanged();
  }

  /** Ends everything that waits with `etcdserver: server stopped`; later requests are refused the same way. */
  stop(): void {
    this.#context.stop();
    this.#health.stop();
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
    methods.set("/grpc.health.v1.Health/Check", {
      kind: "unary",
      handle: (input, call) => this.#health.check(input, call),
    });
    methods.set("/grpc.health.v1.Health/Watch", {
      kind: "server-stream",
      handle: (input, call) => this.#health.watch(input, call),
    });
    assert(methods.size === methodKinds.size, "etcd api: methods beside the table");
    return methods;
  }
}
