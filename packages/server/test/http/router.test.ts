/** The plain HTTP pages, in every state of the server they tell of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpAnswer } from "../../src/http/http-answer.ts";
import { createRouter } from "../../src/http/router.ts";
import type { ServerProbe, ServerStatus } from "../../src/http/server-probe.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";

const healthy: ServerStatus = {
  id: 0x1e05c52164694d,
  clusterId: 0xabc,
  name: "m1",
  role: "leader",
  leader: 0x1e05c52164694d,
  term: 3,
  committed: 12,
  applied: 11,
  firstIndex: 1,
  lastIndex: 13,
  revision: 5,
  dbBytes: 2000,
  dbBytesInUse: 1000,
  isLearner: false,
  clusterVersion: "3.7.0",
  alarms: [],
  leaderChangeCount: 2,
  logDamaged: false,
  repairedEntryCount: 0,
  compactRevision: -1,
  authRevision: 1,
  quotaBytes: 0,
  proposalsPending: 1,
  members: [
    { id: 0x1e05c52164694d, name: "m1", peerUrls: ["http://p1"], clientUrls: ["http://c1"], match: null },
    { id: 0xb, name: "m2", peerUrls: ["http://p2"], clientUrls: [], match: 9 },
  ],
};

function probe(status: Partial<ServerStatus> = {}, linearizable: string | null = null): ServerProbe {
  return {
    status: () => ({ ...healthy, ...status }),
    checkLinearizable: (completed) => completed(linearizable),
    checkSerializable: () => null,
  };
}

function ask(subject: ServerProbe, target: string, method = "GET"): Promise<HttpAnswer> {
  const metrics = createMetrics("3.7.0");
  const router = createRouter({ probe: subject, metrics, etcdVersion: "3.7.0" });
  const [path = "", query = ""] = target.split("?");
  return new Promise((resolve) => router({ method, path, query: new URLSearchParams(query) }, resolve));
}

async function expectAnswer(
  subject: ServerProbe,
  target: string,
  status: number,
  body: string,
): Promise<void> {
  const answer = await ask(subject, target);
  assert.deepEqual([answer.status, answer.body], [status, body]);
}

test("/health", async () => {
  await expectAnswer(probe(), "/health", 200, '{"health":"true","reason":""}');
  await expectAnswer(probe({ leader: 0 }), "/health", 503, '{"health":"false","reason":"RAFT NO LEADER"}');
  const full = probe({ alarms: ["NOSPACE"] });
  await expectAnswer(full, "/health", 503, '{"health":"false","reason":"ALARM NOSPACE"}');
  await expectAnswer(full, "/health?exclude=NOSPACE", 200, '{"health":"true","reason":""}');
  await expectAnswer(
    probe({}, "etcdserver: request timed out"),
    "/health",
    503,
    '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}',
  );
  await expectAnswer(
    probe({ leader: 0 }, "no"),
    "/health?serializable=true",
    200,
    '{"health":"true","reason":""}',
  );
});

test("/livez and /readyz, whole and check by check", async () => {
  await expectAnswer(probe({ leader: 0 }, "no"), "/livez", 200, "ok\n");
  await expectAnswer(probe(), "/livez?verbose", 200, "[+]serializable_read ok\nok\n");
  await expectAnswer(probe(), "/readyz", 200, "ok\n");
  const failing =
    "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: no\n[+]non_learner ok\n";
  await expectAnswer(probe({}, "no"), "/readyz", 503, failing);
  await expectAnswer(probe({}, "no"), "/readyz?exclude=linearizable_read", 200, "ok\n");
  await expectAnswer(probe({}, "no"), "/readyz/linearizable_read", 503, "[-]linearizable_read failed: no\n");
  await expectAnswer(probe({}, "no"), "/readyz/data_corruption", 200, "ok\n");
  for (const unknown of [
    "/readyz/nothing",
    "/readyz/toString",
    "/readyz/non_learner/x",
    "/livez/linearizable_read",
  ]) {
    assert.equal((await ask(probe(), unknown)).status, 404, unknown);
  }
});

test("/version", async () => {
  const body = '{"etcdserver":"3.7.0","etcdcluster":"3.7.0","storage":"3.7.0"}';
  await expectAnswer(probe(), "/version", 200, body);
});

test("/status", async () => {
  const answer = await ask(probe(), "/status");
  assert.deepEqual(JSON.parse(answer.body), {
    id: "1e05c52164694d",
    clusterId: "abc",
    name: "m1",
    pid: process.pid,
    role: "leader",
    leader: "1e05c52164694d",
    term: 3,
    committed: 12,
    applied: 11,
    log: { firstIndex: 1, lastIndex: 13 },
    revision: 5,
    db: { bytes: 2000, bytesInUse: 1000 },
    peers: [{ id: "b", name: "m2", peerUrls: ["http://p2"], clientUrls: [], match: 9 }],
  });
});

test("/metrics has etcd's names with the server's values", async () => {
  const subject = probe();
  const metrics = createMetrics("3.7.0");
  metrics.observe(subject);
  const router = createRouter({ probe: subject, metrics, etcdVersion: "3.7.0" });
  metrics.walSynced(0.003);
  metrics.proposalFailed();
  metrics.grpcHandled("/etcdserverpb.KV/Put", 0);
  metrics.grpcHandled("/etcdserverpb.KV/Put", 14);
  for (const [path, version] of [
    ["KV/Put", "3.7"],
    ["KV/Range", "3.7"],
    ["Watch/Watch", "3.7"],
    ["KV/Put", null],
  ] as const) {
    metrics.clientRequested(`/etcdserverpb.${path}`, version);
  }
  metrics.clientRequested("/etcdserverpb.KV/Put", "x".repeat(65));
  for (let i = 0; i < 100; i++) {
    metrics.clientRequested("/etcdserverpb.KV/Put", `made up ${i}`);
  }
  const answer = await new Promise<HttpAnswer>((resolve) =>
    router({ method: "GET", path: "/metrics", query: new URLSearchParams() }, resolve),
  );
  assert.match(answer.contentType, /^text\/plain; version=0\.0\.4/);
  const lines = new Set(answer.body.split("\n"));
  for (const line of [
    "etcd_server_has_leader 1",
    "etcd_server_is_leader 1",
    "etcd_server_leader_changes_seen_total 2",
    "etcd_server_proposals_committed_total 12",
    "etcd_server_proposals_applied_total 11",
    "etcd_server_proposals_pending 1",
    "etcd_server_proposals_failed_total 1",
    "etcd_mvcc_db_total_size_in_bytes 2000",
    "etcd_mvcc_db_total_size_in_use_in_bytes 1000",
    "etcd_debugging_store_revision 5",
    'etcd_server_version{server_version="3.7.0"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 0',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1',
    'grpc_server_handled_total{grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"} 1',
    'grpc_server_handled_total{grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="Unavailable"} 1',
    'etcd_server_client_requests_total{type="unary",client_api_version="3.7"} 2',
    'etcd_server_client_requests_total{type="stream",client_api_version="3.7"} 1',
    'etcd_server_client_requests_total{type="unary",client_api_version="unknown"} 1',
    'etcd_server_client_requests_total{type="unary",client_api_version="other"} 72',
  ]) {
    assert.ok(lines.has(line), `${line}\n${answer.body}`);
  }
  assert.equal([...lines].filter((line) => line.startsWith("etcd_server_client_requests_total")).length, 33);
  assert.match(answer.body, /^process_resident_memory_bytes \d+/m);
});

test("other paths are 404, other methods 405, but for metrics", async () => {
  for (const path of ["/", "/nothing", "/toString", "/healthz", "/health/"]) {
    assert.equal((await ask(probe(), path)).status, 404, path);
  }
  for (const path of ["/health", "/version", "/debug/vars", "/status", "/livez", "/readyz/non_learner"]) {
    for (const method of ["POST", "HEAD"]) {
      const answer = await ask(probe(), path, method);
      assert.deepEqual([answer.status, answer.headers?.["allow"]], [405, "GET"], path);
    }
  }
  assert.equal((await ask(probe(), "/metrics", "POST")).status, 200);
});
