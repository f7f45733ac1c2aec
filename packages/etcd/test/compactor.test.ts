/** Compaction by itself: by age, by count, only on the leader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { apiLimitsDefault } from "@quorate/etcd";
import { PutRequestSchema, PutResponseSchema } from "@quorate/etcd/messages";
import { Member, text } from "./api/fixture.ts";

const minute = 60_000;

function member(autoCompaction: ReturnType<typeof apiLimitsDefault>["autoCompaction"]): Member {
  const made = new Member({ limits: { ...apiLimitsDefault(), autoCompaction } });
  made.status = { ...made.status, leader: made.status.memberId };
  return made;
}

function put(to: Member): void {
  const call = to.call("/etcdserverpb.KV/Put", PutRequestSchema, { key: text("k") });
  assert.ok(fromBinary(PutResponseSchema, call.answer ?? text("")).header !== undefined);
}

test("periodic: what is older than the retention goes, seen at tenths of it", () => {
  const leader = member({ mode: "periodic", retentionMs: 10 * minute });
  for (let at = 1; at <= 30; at++) {
    put(leader);
    leader.api.tick(1000 + at * minute);
    const { compactRevision, revision } = leader.machine;
    assert.equal(revision, at + 1);
    // The first note is made after a minute, at revision 2; ten minutes later it is what is kept from.
    assert.equal(compactRevision, at <= 10 ? -1 : at - 9, `minute ${at}`);
  }
});

test("periodic: the interval of a long retention is an hour, noted each six minutes", () => {
  const leader = member({ mode: "periodic", retentionMs: 24 * 60 * minute });
  put(leader);
  leader.api.tick(1000 + 6 * minute);
  leader.api.tick(1000 + (6 + 24 * 60) * minute - 1);
  assert.equal(leader.machine.compactRevision, -1);
  leader.api.tick(1000 + (12 + 24 * 60) * minute);
  assert.equal(leader.machine.compactRevision, 2);
});

test("revision: the last ones stay, looked at each five minutes", () => {
  const leader = member({ mode: "revision", retentionCount: 3 });
  put(leader);
  leader.api.tick(1000 + 5 * minute);
  assert.equal(leader.machine.compactRevision, -1, "there is not more than is kept");
  for (let i = 0; i < 9; i++) {
    put(leader);
  }
  leader.api.tick(1000 + 10 * minute - 1);
  assert.equal(leader.machine.compactRevision, -1);
  leader.api.tick(1000 + 10 * minute);
  assert.equal(leader.machine.compactRevision, 8);
  leader.api.tick(1000 + 15 * minute);
  assert.equal(leader.machine.compactRevision, 8, "nothing new to forget");
});

test("a follower notes, but only a leader compacts; off is off", () => {
  const follower = member({ mode: "revision", retentionCount: 1 });
  follower.status = { ...follower.status, leader: 5 };
  const off = member({ mode: "off" });
  for (const each of [follower, off]) {
    for (let i = 0; i < 5; i++) {
      put(each);
    }
    each.api.tick(1000 + 60 * minute);
    assert.equal(each.machine.compactRevision, -1);
  }
});
