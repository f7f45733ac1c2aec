/** MemberList, Status, health, and what is not served yet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { methodKinds } from "@quorate/etcd";
import {
  file_etcdserverpb,
  file_health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  RangeRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  StatusRequestSchema,
  StatusResponseSchema,
} from "@quorate/etcd/messages";
import { FakeCall, Member, text } from "./fixture.ts";

test("MemberList answers who there is, with ids up to 2^53−1 exact", () => {
  const member = new Member();
  member.members = [
    { id: 2 ** 53 - 1, name: "a", peerUrls: ["http://p:1"], clientUrls: ["http://c:1"], isLearner: false },
    { id: 1, name: "", peerUrls: ["http://p:2"], clientUrls: [], isLearner: true },
  ];
  const ask = (linearizable: boolean) =>
    member.ask(
      "/etcdserverpb.Cluster/MemberList",
      MemberListRequestSchema,
      { linearizable },
      MemberListResponseSchema,
    );
  const answer = ask(false);
  assert.equal(member.barrierCount, 0);
  assert.equal(answer.members[0]?.ID, 2n ** 53n - 1n);
  assert.deepEqual(answer.members[0]?.clientURLs, ["http://c:1"]);
  assert.equal(answer.members[1]?.isLearner, true);
  assert.equal(answer.header?.revision, 0n);
  assert.equal(answer.header?.raftTerm, 7n);
  ask(true);
  assert.equal(member.barrierCount, 1);
});

test("MemberList: a request that does not decode", () => {
  const call = new Member().callBytes("/etcdserverpb.Cluster/MemberList", new Uint8Array([0x08]));
  assert.equal(call.failure?.code, 13);
  assert.match(call.failure?.message ?? "", /^grpc: error unmarshalling request: /);
});

test("Status tells versions, sizes, leader and progress", () => {
  const member = new Member();
  member.status = { ...member.status, committed: 12, applied: 11 };
  const ask = () =>
    member.ask("/etcdserverpb.Maintenance/Status", StatusRequestSchema, {}, StatusResponseSchema);
  const answer = ask();
  assert.equal(answer.version, "3.7.3");
  assert.equal(answer.storageVersion, "3.7.0");
  assert.equal(answer.leader, 9n);
  assert.equal(answer.raftIndex, 12n);
  assert.equal(answer.raftAppliedIndex, 11n);
  assert.equal(answer.raftTerm, 7n);
  assert.equal(answer.header?.revision, 1n);
  assert.equal(answer.dbSize, BigInt(member.machine.dbSizeBytes));
  assert.equal(answer.dbSizeInUse, BigInt(member.machine.liveBytes));
  assert.equal(answer.dbSizeQuota, 2n ** 31n);
  assert.equal(answer.downgradeInfo?.enabled, false);
  assert.deepEqual(answer.errors, []);
  member.status = { ...member.status, leader: 0 };
  assert.deepEqual(ask().errors, ["etcdserver: no leader"]);
});

test("health: serving, an unknown service, and no longer serving after the stop", () => {
  const member = new Member();
  const path = "/grpc.health.v1.Health/Check";
  const check = (service: string) =>
    member.ask(path, HealthCheckRequestSchema, { service }, HealthCheckResponseSchema).status;
  assert.equal(check(""), ServingStatus.SERVING);
  assert.equal(check("etcdserverpb.KV"), ServingStatus.SERVING);
  const unknown = member.call(path, HealthCheckRequestSchema, { service: "nobody" });
  assert.deepEqual(unknown.failure, { code: 5, message: "unknown service" });
  member.api.stop();
  assert.equal(check(""), ServingStatus.NOT_SERVING);
});

test("health watch: told at once, told of the stop, then ended", () => {
  const member = new Member();
  const path = "/grpc.health.v1.Health/Watch";
  const statuses = (call: FakeCall) =>
    call.written.map((message) => fromBinary(HealthCheckResponseSchema, message).status);
  const call = member.call(path, HealthCheckRequestSchema, {});
  const gone = member.call(path, HealthCheckRequestSchema, {});
  gone.cancel();
  const unknown = member.call(path, HealthCheckRequestSchema, { service: "nobody" });
  assert.deepEqual(statuses(call), [ServingStatus.SERVING]);
  assert.deepEqual(statuses(unknown), [ServingStatus.SERVICE_UNKNOWN]);
  member.api.stop();
  assert.deepEqual(statuses(call), [ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  assert.equal(call.ended, true);
  assert.equal(statuses(gone).length, 1);
  assert.deepEqual(statuses(unknown), [ServingStatus.SERVICE_UNKNOWN]);
  assert.equal(unknown.ended, true, "or it would hold up the end of the server");
});

test("every method of the proto files is in the table, with its kind", () => {
  const kinds = { unary: "unary", server_streaming: "server-stream", bidi_streaming: "bidi" } as const;
  for (const file of [file_etcdserverpb, file_health]) {
    for (const service of file.services) {
      for (const method of service.methods) {
        assert.notEqual(method.methodKind, "client_streaming");
        const kind = method.methodKind === "client_streaming" ? undefined : kinds[method.methodKind];
        assert.equal(methodKinds.get(`/${service.typeName}/${method.name}`), kind, method.name);
      }
    }
  }
});

test("a client's API version is any text, but text", () => {
  const member = new Member();
  const ask = (version: string) =>
    member.call(
      "/etcdserverpb.KV/Range",
      RangeRequestSchema,
      { key: text("k") },
      { "client-api-version": version },
    );
  // Headers come as one character a byte: the second is a letter of two bytes.
  for (const version of ["3.7.3", "\u00c3\u00bc", ""]) {
    assert.equal(ask(version).failure, null, JSON.stringify(version));
  }
  assert.deepEqual(ask("\u00ff\u00fe").failure, {
    code: 3,
    message: "etcdserver: invalid client api version",
  });
});

test("what is not served answers UNIMPLEMENTED and names itself", () => {
  const member = new Member();
  const served = new Set([
    ...["Range", "RangeStream", "Put", "DeleteRange", "Txn", "Compact"].map(
      (name) => `/etcdserverpb.KV/${name}`,
    ),
    ...["Grant", "Revoke", "KeepAlive", "TimeToLive", "Leases"].map(
      (name) => `/etcdserverpb.Lease/Lease${name}`,
    ),
    ...[...member.api.methods.keys()].filter((path) => path.startsWith("/etcdserverpb.Auth/")),
    "/etcdserverpb.Watch/Watch",
    "/etcdserverpb.Cluster/MemberList",
    ...["Alarm", "Status", "Defragment", "Hash", "HashKV", "Downgrade"].map(
      (name) => `/etcdserverpb.Maintenance/${name}`,
    ),
    ...["Lock", "Unlock"].map((name) => `/v3lockpb.Lock/${name}`),
    ...["Campaign", "Proclaim", "Resign", "Leader", "Observe"].map(
      (name) => `/v3electionpb.Election/${name}`,
    ),
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
  ]);
  for (const [path, method] of member.api.methods) {
    if (served.has(path)) {
      continue;
    }
    const call = new FakeCall(path);
    if (method.kind === "bidi") {
      method.handle(
        Object.assign(call, { onMessage: () => {}, onEnd: () => {}, pause: () => {}, resume: () => {} }),
      );
    } else {
      method.handle(new Uint8Array(0), call);
    }
    assert.deepEqual(call.failure, { code: 12, message: `etcdserver: ${path} is not implemented` });
  }
});
