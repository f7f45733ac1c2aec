/**
 * Prometheus metrics. Names are etcd's where the meaning is the same, so that its dashboards and alerts work unchanged.
 * Values that the server holds anyway are read when somebody scrapes; only what is an event is counted as it happens.
 */
import { methodKinds } from "@quorate/etcd";
import { codeNames } from "../client/code-names.ts";
import { type HttpAnswer, textAnswer } from "../http/http-answer.ts";
import type { ServerProbe, ServerStatus } from "../http/server-probe.ts";
import { Counter, collectProcessMetrics, Gauge, Histogram, Registry } from "./prom-client.ts";
import { observeRaft, type RaftFacts } from "./raft-metrics.ts";

/** What the rest of the server reports, and the page made of it. */
export interface Metrics {
  walSynced(seconds: number): void;
  proposalFailed(): void;
  healthChecked(healthy: boolean): void;
  /** A leader that died was succeeded at once, by this member or another; or it was not. */
  failOverEnded(outcome: string): void;
  /** A gRPC call ended; `path` is as in `/etcdserverpb.KV/Put`, `code` the number on the wire. */
  grpcHandled(path: string, code: number): void;
  /** A client made a request, and said for which version of the API it was made, or null. */
  clientRequested(path: string, apiVersion: string | null): void;
  /** Names the server whose state the gauges show; called once, before the first scrape. */
  observe(probe: ServerProbe): void;
  /** The same for the Raft node under it. */
  observeRaft(facts: () => RaftFacts): void;
  render(completed: (answer: HttpAnswer) => void): void;
}

// ETCD: the same boundaries, 1 ms doubling to 8 s.
const syncBuckets: number[] = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

/** Makes the metrics of one server; several in one process do not meet. */
export function createMetrics(etcdVersion: string): Metrics {
  const registers = [new Registry()];
  const [registry] = registers;
  if (registry === undefined) {
    throw new Error("metrics: no registry");
  }
  collectProcessMetrics(registry);
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const failed = counter("etcd_server_proposals_failed_total", "The total number of failed proposals seen.");
  const healthSuccess = counter(
    "etcd_server_health_success",
    "The total number of successful health checks.",
  );
  const healthFailures = counter("etcd_server_health_failures", "The total number of failed health checks.");
  const failOvers = new Counter({
    name: "quorate_server_fail_overs_total",
    help: "Fast fail-overs that this member began, by how they ended.",
    labelNames: ["outcome"],
    registers,
  });
  const sync = new Histogram({
    name: "etcd_disk_wal_fsync_duration_seconds",
    help: "The latency distributions of fsync called by WAL.",
    buckets: syncBuckets,
    registers,
  });
  const grpcHandled = grpcObserver(registers);
  const clientRequested = clientObserver(registers);
  new Gauge({
    name: "etcd_server_version",
    help: "Which version is running. 1 for 'server_version' label with current version.",
    labelNames: ["server_version"],
    registers,
  }).set({ server_version: etcdVersion }, 1);
  return {
    walSynced: (seconds) => sync.observe(seconds),
    proposalFailed: () => failed.inc(),
    healthChecked: (healthy) => (healthy ? healthSuccess : healthFailures).inc(),
    failOverEnded: (outcome) => failOvers.inc({ outcome }),
    grpcHandled,
    clientRequested,
    observeRaft: (facts) => observeRaft(registers, facts),
    observe: (probe) => observeStatus(registers, probe),
    render(completed) {
      registry.metrics().then(
        (body) => completed({ status: 200, contentType: registry.contentType, body }),
        (error: unknown) => completed(textAnswer(500, `${String(error)}\n`)),
      );
    },
  };
}

function grpcObserver(registers: Registry[]): Metrics["grpcHandled"] {
  // PERF: a call costs one look-up and one addition; labels are made when somebody scrapes.
  const countsByPath = new Map<string, Float64Array>();
  new Counter({
    name: "grpc_server_handled_total",
    help: "Total number of RPCs completed on the server, regardless of success or failure.",
    labelNames: ["grpc_service", "grpc_method", "grpc_code"],
    registers,
    collect() {
      this.reset();
      for (const [path, counts] of countsByPath) {
        for (const [code, count] of counts.entries()) {
          if (count > 0) {
            this.labels(...splitMethod(path), codeNames[code] ?? "Unknown").inc(count);
          }
        }
      }
    },
  });
  return (path, code) => {
    let counts = countsByPath.get(path);
    if (counts === undefined) {
      counts = new Float64Array(codeNames.length);
      countsByPath.set(path, counts);
    }
    counts[code] = (counts[code] ?? 0) + 1;
  };
}

/**
 * ETCD: differs, clients cannot make the figures grow without end: versions beyond some tens, and long ones, are counted together.
 */
function clientObserver(registers: Registry[]): Metrics["clientRequested"] {
  // PERF: as above; the first of them is that of clients that name no version.
  const countsByVersion = new Map<string | null, Map<string, { requests: number }>>([[null, new Map()]]);
  new Counter({
    name: "etcd_server_client_requests_total",
    help: "The total number of client requests per client version.",
    labelNames: ["type", "client_api_version"],
    registers,
    collect() {
      this.reset();
      for (const [version, counts] of countsByVersion) {
        for (const [path, { requests }] of counts) {
          const type = methodKinds.get(path) === "unary" ? "unary" : "stream";
          this.labels(type, version ?? "unknown").inc(requests);
        }
      }
    },
  });
  return (path, given) => {
    let counts = countsByVersion.get(given);
    if (counts === undefined) {
      const isNew = countsByVersion.size < apiVersionsMax && (given?.length ?? 0) <= apiVersionLengthMax;
      const version = isNew ? given : "other";
      counts = countsByVersion.get(version) ?? new Map<string, { requests: number }>();
      countsByVersion.set(version, counts);
    }
    const count = counts.get(path);
    if (count === undefined) {
      counts.set(path, { requests: 1 });
    } else {
      count.requests++;
    }
  };
}

const apiVersionsMax = 32;
const apiVersionLengthMax = 64;

function splitMethod(path: string): [string, string] {
  const [, service = "unknown", method = "unknown"] = path.split("/");
  return [service, method];
}

/** Gauges read from the server's own state at the moment of the scrape. */
function observeStatus(registers: Registry[], probe: ServerProbe): void {
  const observe = (name: string, help: string, value: (status: ServerStatus) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(probe.status()));
      },
    });
  };
  observe("etcd_server_has_leader", "Whether or not a leader exists. 1 is existence, 0 is not.", (status) =>
    status.leader === 0 ? 0 : 1,
  );
  observe(
    "etcd_server_is_leader",
    "Whether or not this member is a leader. 1 if is, 0 otherwise.",
    (status) => (status.leader === status.id ? 1 : 0),
  );
  observe(
    "etcd_server_leader_changes_seen_total",
    "The number of leader changes seen.",
    (status) => status.leaderChangeCount,
  );
  observe(
    "etcd_server_proposals_committed_total",
    "The total number of consensus proposals committed.",
    (status) => status.committed,
  );
  observe(
    "etcd_server_proposals_applied_total",
    "The total number of consensus proposals applied.",
    (status) => status.applied,
  );
  observe(
    "etcd_server_proposals_pending",
    "The current number of pending proposals to commit.",
    (status) => status.proposalsPending,
  );
  observe(
    "etcd_mvcc_db_total_size_in_bytes",
    "Total size of the underlying database physically allocated in bytes.",
    (status) => status.dbBytes,
  );
  observe(
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "Total size of the underlying database logically in use in bytes.",
    (status) => status.dbBytesInUse,
  );
  observe(
    "quorate_raft_log_damaged",
    "Whether damage took the end of the log and it is being repaired.",
    (status) => (status.logDamaged ? 1 : 0),
  );
  observe(
    "quorate_raft_repaired_entries_total",
    "Entries that the leader sent to repair a damaged log.",
    (status) => status.repairedEntryCount,
  );
  observe("etcd_debugging_store_revision", "The current revision of the store.", (status) => status.revision);
  observe(
    "etcd_debugging_mvcc_current_revision",
    "The current revision of store.",
    (status) => status.revision,
  );
  observe(
    "etcd_debugging_mvcc_compact_revision",
    "The revision of the last compaction in store.",
    (status) => status.compactRevision,
  );
  observe(
    "etcd_debugging_auth_revision",
    "The current revision of auth store.",
    (status) => status.authRevision,
  );
  observe(
    "etcd_server_is_learner",
    "Whether or not this member is a learner. 1 if is, 0 otherwise.",
    (status) => (status.isLearner ? 1 : 0),
  );
  observe(
    "etcd_server_quota_backend_bytes",
    "Current backend storage quota size in bytes.",
    (status) => status.quotaBytes,
  );
  new Gauge({
    name: "etcd_cluster_version",
    help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
    labelNames: ["cluster_version"],
    registers,
    collect() {
      this.reset();
      this.set({ cluster_version: probe.status().clusterVersion.replace(/\.\d+$/, "") }, 1);
    },
  });
  new Gauge({
    name: "etcd_server_id",
    help: "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
    labelNames: ["server_id"],
    registers,
    collect() {
      this.reset();
      this.set({ server_id: probe.status().id.toString(16) }, 1);
    },
  });
}
