/** Alarms and the quota, snapshots, hashes, defragmentation, moving the leader, downgrade. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { ApiOptions, ReconfigurationPort } from "@quorate/etcd";
import { apiLimitsDefault, readSnapshotFile } from "@quorate/etcd";
import {
  AlarmRequest_AlarmAction as Action,
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  CompactionRequestSchema,
  DefragmentRequestSchema,
  DeleteRangeRequestSchema,
  DowngradeRequest_DowngradeAction as Downgrade,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  LeaseGrantRequestSchema,
  MoveLeaderRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  SnapshotRequestSchema,
  SnapshotResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
  TxnRequestSchema,
} from "@quorate/etcd/messages";
import { KvStateMachine } from "@quorate/kv";
import { GuardedMember } from "./auth-fixture.ts";
import { type FakeCall, Member, text } from "./fixture.ts";

const maintenance = (name: string): string => `/etcdserverpb.Maintenance/${name}`;
const refusal = (call: FakeCall): string => `${call.failure?.code} ${call.failure?.message}`;
const noSpace = "8 etcdserver: mvcc: database space exceeded";
const put = (member: Member, value: string): FakeCall =>
  member.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text("k"), value: text(value) });
const alarm = (member: Member, action: Action, type = AlarmType.NONE, memberID = 0n) =>
  member.ask(maintenance("Alarm"), AlarmRequestSchema, { action, alarm: type, memberID }, AlarmResponseSchema)
    .alarms;

function withQuota(quotaBytes: number, more: Partial<ApiOptions> = {}): Member {
  return new Member({ about: { version: "3.7.0", storageVersion: "3.7.0", quotaBytes }, ...more });
}

test("the quota: the first write beyond it raises the alarm, which refuses what takes room until it is disarmed", () => {
  const member = withQuota(1000);
  assert.notEqual(put(member, "x".repeat(500)).answer, null);
  assert.equal(refusal(put(member, "x".repeat(500))), noSpace);
  const self = 2n ** 53n - 1n;
  assert.deepEqual(
    alarm(member, Action.GET).map(({ alarm, memberID }) => [memberID, alarm]),
    [[self, AlarmType.NOSPACE]],
  );
  assert.equal(refusal(put(member, "")), noSpace, "small ones too");
  const grant = member.call("/etcdserverpb.Lease/LeaseGrant", LeaseGrantRequestSchema, { TTL: 9n, ID: 9n });
  assert.equal(refusal(grant), noSpace);
  const inner = { request: { case: "requestPut", value: { key: text("k") } } } as const;
  const nested = { request: { case: "requestTxn", value: { failure: [inner] } } } as const;
  const txn = (success: object[]) => member.call("/etcdserverpb.KV/Txn", TxnRequestSchema, { success });
  assert.equal(refusal(txn([nested])), noSpace);
  const remove = { request: { case: "requestDeleteRange", value: { key: text("zz") } } };
  assert.notEqual(txn([remove]).answer, null);
  const status = member.ask(maintenance("Status"), StatusRequestSchema, {}, StatusResponseSchema);
  assert.deepEqual(status.errors, [`memberID:${self} alarm:NOSPACE`]);
  assert.equal(status.dbSizeQuota, 1000n);

  assert.notEqual(member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text("k") }).answer, null);
  const gone = member.call("/etcdserverpb.KV/DeleteRange", DeleteRangeRequestSchema, { key: text("k") });
  assert.notEqual(gone.answer, null);
  const compact = { revision: BigInt(member.machine.revision) };
  assert.notEqual(member.call("/etcdserverpb.KV/Compact", CompactionRequestSchema, compact).answer, null);
  const defragment = member.call(maintenance("Defragment"), DefragmentRequestSchema, {});
  member.runDeferred();
  assert.notEqual(defragment.answer, null);
  assert.equal(member.machine.sweep(10), false, "nothing was left to sweep");
  assert.equal(alarm(member, Action.DEACTIVATE, AlarmType.NOSPACE, self).length, 1);
  assert.equal(alarm(member, Action.DEACTIVATE, AlarmType.NOSPACE, self).length, 0);
  assert.notEqual(put(member, "x".repeat(500)).answer, null);
});

test("the alarm is taken back by itself where that is asked for, and not before a tenth of the quota is free", () => {
  for (const autoDisarmNoSpace of [true, false]) {
    const member = withQuota(1000, { limits: { ...apiLimitsDefault(), autoDisarmNoSpace } });
    const isOn = (): boolean => alarm(member, Action.GET).length > 0;
    assert.notEqual(put(member, "x".repeat(850)).answer, null);
    assert.equal(refusal(put(member, "x".repeat(200))), noSpace);
    member.api.tick(1_000_100);
    assert.equal(isOn(), autoDisarmNoSpace === false, "the write that was refused took nothing");
    assert.notEqual(put(member, "x".repeat(50)).answer === null, autoDisarmNoSpace);
    if (autoDisarmNoSpace) {
      assert.equal(refusal(put(member, "x".repeat(500))), noSpace);
      member.api.tick(1_000_200);
      assert.equal(isOn(), true, "more than nine tenths are used");
    }
  }
});

test("a physical compaction answers when nothing is left to sweep", () => {
  const member = new Member();
  for (let i = 0; i < 20; i++) {
    put(member, `v${i}`);
  }
  const revision = BigInt(member.machine.revision);
  const call = member.call("/etcdserverpb.KV/Compact", CompactionRequestSchema, { revision, physical: true });
  assert.equal(call.answer, null, "not from within the apply");
  member.runDeferred();
  assert.notEqual(call.answer, null);
  assert.equal(member.machine.sweep(10), false, "nothing was left to sweep");
  const logical = member.call("/etcdserverpb.KV/Compact", CompactionRequestSchema, {
    revision,
    physical: true,
  });
  assert.equal(refusal(logical), "11 etcdserver: mvcc: required revision has been compacted");
});

test("a negative quota is none", () => {
  assert.notEqual(put(withQuota(-1), "x".repeat(5000)).answer, null);
});

test("alarms by hand: of a kind, of none, and for somebody who cannot be", () => {
  const member = new Member();
  assert.equal(alarm(member, Action.ACTIVATE, AlarmType.NONE, 5n).length, 0);
  assert.equal(alarm(member, Action.ACTIVATE, AlarmType.CORRUPT, 2n ** 60n).length, 0);
  assert.equal(alarm(member, Action.ACTIVATE, AlarmType.CORRUPT, 5n).length, 1);
  assert.equal(alarm(member, Action.ACTIVATE, AlarmType.CORRUPT, 5n).length, 1, "raised twice is raised");
  assert.equal(alarm(member, Action.GET, AlarmType.NOSPACE).length, 0);
  assert.equal(alarm(member, Action.GET, AlarmType.CORRUPT).length, 1);
  const corrupt = "15 etcdserver: corrupt cluster";
  assert.equal(refusal(put(member, "v")), corrupt);
  assert.equal(
    refusal(member.call("/etcdserverpb.KV/Range", RangeRequestSchema, { key: text("k") })),
    corrupt,
  );
  assert.equal(refusal(member.call("/etcdserverpb.KV/Txn", TxnRequestSchema, {})), corrupt);
  assert.equal(
    refusal(member.call("/etcdserverpb.KV/Compact", CompactionRequestSchema, { revision: 1n })),
    corrupt,
  );
  assert.equal(alarm(member, Action.DEACTIVATE, AlarmType.CORRUPT, 5n).length, 1);
  assert.notEqual(put(member, "v").answer, null);
});

function digestOptions(): Partial<ApiOptions> {
  return {
    createDigest() {
      const hash = createHash("sha256");
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    },
  };
}

test("Snapshot: an image behind which stands the SHA-256 that clients look for; it restores to the same state", () => {
  const member = new Member(digestOptions());
  for (let i = 0; i < 40; i++) {
    put(member, `${i}`.repeat(2000));
  }
  const call = member.call(maintenance("Snapshot"), SnapshotRequestSchema, {});
  member.runDeferred();
  assert.equal(call.ended, true);
  const answers = call.written.map((bytes) => fromBinary(SnapshotResponseSchema, bytes));
  const file = Buffer.concat(answers.map(({ blob }) => blob));
  assert.equal(file.length % 512, 32, "etcdctl recognizes a checksum by this");
  const body = file.subarray(0, -32);
  assert.deepEqual(createHash("sha256").update(body).digest(), file.subarray(-32));
  const remaining = answers.map(({ remainingBytes }) => remainingBytes);
  assert.deepEqual(remaining.slice(-2), [0n, 0n]);
  assert.ok(remaining.slice(0, -2).every((bytes) => bytes > 0n));
  const { clusterId, image } = readSnapshotFile(body);
  assert.equal(clusterId, 77);
  const copy = new KvStateMachine();
  const restore = copy.restore();
  restore.write(image);
  restore.finish();
  assert.deepEqual(copy.hashKv(), member.machine.hashKv());
  assert.throws(() => readSnapshotFile(body.subarray(512)), /not one of this version/);
  assert.throws(() => readSnapshotFile(body.subarray(1)), /not whole pages/);
  assert.equal(
    refusal(new Member().call(maintenance("Snapshot"), SnapshotRequestSchema, {})).slice(0, 3),
    "12 ",
  );
});

test("HashKV: by revision, and refusals", () => {
  const member = new Member();
  put(member, "1");
  put(member, "2");
  const ask = (revision: bigint) => {
    const call = member.call(maintenance("HashKV"), HashKVRequestSchema, { revision });
    member.runDeferred();
    return fromBinary(HashKVResponseSchema, call.answer ?? new Uint8Array());
  };
  const now = ask(0n);
  assert.equal(now.hash, ask(3n).hash);
  assert.notEqual(now.hash, ask(2n).hash);
  assert.deepEqual([now.hashRevision, now.compactRevision, now.header?.revision], [3n, -1n, 3n]);
  const far = member.call(maintenance("HashKV"), HashKVRequestSchema, { revision: 2n ** 62n });
  assert.equal(refusal(far), "11 etcdserver: mvcc: required revision is a future revision");
});

test("MoveLeader: by the leader alone, to a voter; who waits no longer lets go of it", () => {
  const moves: number[] = [];
  let cancelledCount = 0;
  const port: ReconfigurationPort = {
    confIndex: 1,
    newMemberId: () => 1,
    change: () => assert.fail("no change is asked for"),
    connectedSinceMs: () => null,
    progress: () => null,
    moveLeader(target, done) {
      moves.push(target);
      if (target !== 5) {
        done(target === 2);
      }
      return { cancel: () => cancelledCount++ };
    },
  };
  const member = new Member({ reconfiguration: port });
  const self = member.status.memberId;
  member.members = [self, 2, 3, 4, 5].map((id) => ({
    id,
    name: "m",
    peerUrls: [],
    clientUrls: [],
    isLearner: id === 4,
  }));
  const move = (targetID: number): FakeCall =>
    member.call(maintenance("MoveLeader"), MoveLeaderRequestSchema, { targetID: BigInt(targetID) });
  assert.equal(refusal(move(2)), "9 etcdserver: not leader");
  member.status = { ...member.status, leader: self };
  assert.equal(refusal(move(9)), "9 etcdserver: bad leader transferee");
  assert.equal(refusal(move(4)), "9 etcdserver: bad leader transferee");
  assert.notEqual(move(self).answer, null);
  assert.deepEqual(moves, []);
  assert.notEqual(move(2).answer, null);
  assert.equal(refusal(move(3)), "14 etcdserver: request timed out");
  assert.equal(cancelledCount, 0);
  const slow = move(5);
  move(5).cancel();
  assert.equal(cancelledCount, 1);
  member.api.tick(60_000);
  assert.equal(refusal(slow), "14 etcdserver: request timed out");
  assert.equal(cancelledCount, 2);
});

test("the alarm of a member that found a difference is raised with access control on, too", () => {
  const member = new GuardedMember();
  member.api.raiseCorrupt(7);
  assert.deepEqual(member.machine.alarms(), [{ alarm: "corrupt", memberId: 7 }]);
  member.enable();
  member.api.raiseCorrupt(8);
  assert.deepEqual(
    member.machine.alarms().map(({ memberId }) => memberId),
    [7, 8],
  );
});

test("Downgrade: what etcd 3.7.3 answers, request by request", () => {
  const member = withQuota(0);
  const { VALIDATE, ENABLE, CANCEL } = Downgrade;
  const invalid = "3 etcdserver: invalid downgrade target version";
  const malformed = "3 etcdserver: wrong downgrade target version format";
  const inProcess = "9 etcdserver: cluster has a downgrade job in progress";
  const expect = (action: Downgrade, version: string, answer: string): void => {
    const call = member.call(maintenance("Downgrade"), DowngradeRequestSchema, { action, version });
    const found =
      call.answer === null ? refusal(call) : fromBinary(DowngradeResponseSchema, call.answer).version;
    assert.equal(found, answer, `${Downgrade[action]} ${version}`);
  };
  const versions = (): unknown[] => {
    const status = member.ask(maintenance("Status"), StatusRequestSchema, {}, StatusResponseSchema);
    const { downgradeInfo, storageVersion, version } = status;
    return [version, storageVersion, downgradeInfo?.enabled, downgradeInfo?.targetVersion];
  };
  const common = { "3.7": invalid, "3.8": invalid, "2.6": invalid, "4.6": invalid, "": malformed };
  const others = {
    ...common,
    "v3.6": malformed,
    "3.6-rc.1": malformed,
    "3": malformed,
    "3.6.0.0": malformed,
  };
  for (const action of [VALIDATE, ENABLE]) {
    for (const [version, answer] of Object.entries({ ...others, "3.5": invalid })) {
      expect(action, version, answer);
    }
  }
  for (const version of ["3.6", "3.6.0", "3.6.5"]) {
    expect(VALIDATE, version, "3.7");
  }
  expect(CANCEL, "", "3.7");
  expect(CANCEL, "nonsense", "3.7");
  assert.deepEqual(versions(), ["3.7.0", "3.7.0", false, ""]);

  expect(ENABLE, "3.6.5", "3.7");
  assert.deepEqual(versions(), ["3.7.0", "3.6.0", true, "3.6.0"]);
  for (const action of [VALIDATE, ENABLE]) {
    for (const [version, answer] of Object.entries({ ...others, "3.6": invalid, "3.5": inProcess })) {
      expect(action, version, answer);
    }
  }
  assert.notEqual(put(member, "while it goes on").answer, null);

  expect(CANCEL, "", "3.6");
  assert.deepEqual(versions(), ["3.7.0", "3.7.0", false, ""]);
  expect(VALIDATE, "3.6", "3.7");
});
