/** MemberAdd, Remove, Promote, Update: what etcd refuses, in its order, and how a change meets another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { ClusterMember, MembershipOutcome, MembershipStep, ReconfigurationPort } from "@quorate/etcd";
import { apiLimitsDefault } from "@quorate/etcd";
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberPromoteRequestSchema,
  MemberRemoveRequestSchema,
  MemberUpdateRequestSchema,
} from "@quorate/etcd/messages";
import { type FakeCall, Member } from "./fixture.ts";

const self = 2 ** 53 - 1;

function voter(id: number, name = `m${id}`, isLearner = false): ClusterMember {
  return { id, name, peerUrls: [`http://p:${id % 60_000}`], clientUrls: [], isLearner };
}

interface Asked {
  readonly step: MembershipStep;
  readonly confIndex: number;
  readonly done: (outcome: MembershipOutcome) => void;
}

/** A member whose port tells what it was asked, and takes its answers from the test. */
function cluster(
  members: readonly ClusterMember[],
  overrides: Partial<ReconfigurationPort> = {},
  strict = true,
) {
  const asked: Asked[] = [];
  const port: ReconfigurationPort = {
    confIndex: 5,
    newMemberId: () => 44,
    change(step, confIndex, done) {
      asked.push({ step, confIndex, done });
      return { cancel: () => {} };
    },
    // On the clock of the fixture, which begins at 1000: connected long ago.
    connectedSinceMs: () => -10_000,
    progress: () => new Map([[self, 100]]),
    moveLeader: () => assert.fail("no transfer is asked for"),
    ...overrides,
  };
  const limits = { ...apiLimitsDefault(), strictReconfigCheck: strict };
  const member = new Member({ reconfiguration: port, limits });
  member.members = members;
  return { member, asked };
}

const path = (name: string): string => `/etcdserverpb.Cluster/${name}`;
const add = (member: Member, peerURLs: string[], isLearner = false): FakeCall =>
  member.call(path("MemberAdd"), MemberAddRequestSchema, { peerURLs, isLearner });
const remove = (member: Member, ID: number): FakeCall =>
  member.call(path("MemberRemove"), MemberRemoveRequestSchema, { ID: BigInt(ID) });
const promote = (member: Member, ID: number): FakeCall =>
  member.call(path("MemberPromote"), MemberPromoteRequestSchema, { ID: BigInt(ID) });
const refusal = (call: FakeCall): string => `${call.failure?.code} ${call.failure?.message}`;

test("MemberAdd: guarded by the configuration it was checked against; the answer has the new member", () => {
  const { asked, member } = cluster([voter(self), voter(2), voter(3)]);
  const call = add(member, ["http://new:2380"], true);
  assert.deepEqual(asked[0]?.step, { op: "add-learner", id: 44, peerUrls: ["http://new:2380"] });
  assert.equal(asked[0]?.confIndex, 5);
  assert.equal(member.barrierCount, 1);
  member.members = [...member.members, voter(44, "", true)];
  asked[0]?.done({ kind: "applied" });
  const answer = fromBinary(MemberAddResponseSchema, call.answer ?? new Uint8Array());
  assert.equal(answer.member?.ID, 44n);
  assert.equal(answer.members.length, 4);
  assert.equal(answer.header?.revision, 0n);
});

test("MemberAdd: URLs that are none", () => {
  const bad = [
    [],
    [""],
    ["p:2380"],
    ["http://p"],
    ["http://p:2380/x"],
    ["ftp://p:1"],
    ["http://p:70000"],
    ["http://p:1", "x"],
  ];
  for (const urls of bad) {
    const { asked, member } = cluster([voter(self)]);
    assert.equal(refusal(add(member, urls)), "3 etcdserver: given member URLs are invalid", urls.join());
    assert.equal(asked.length, 0);
  }
  const { asked, member } = cluster([voter(self)]);
  add(member, [" https://b:2 ", "http://[::1]:1"]);
  assert.deepEqual(asked[0]?.step, { op: "add-voter", id: 44, peerUrls: ["http://[::1]:1", "https://b:2"] });
});

test("MemberAdd: refusals by who is there", () => {
  const two = [voter(self), voter(2)];
  assert.equal(refusal(add(cluster(two).member, ["http://p:2"])), "9 etcdserver: Peer URLs already exists");
  assert.equal(
    refusal(add(cluster([...two, voter(3, "l", true)]).member, ["http://n:1"], true)),
    "9 etcdserver: too many learner members in cluster",
  );
  assert.equal(
    refusal(add(cluster([...two, voter(44)]).member, ["http://n:1"])),
    "9 etcdserver: member ID already exist",
  );
  const started = cluster([voter(self), voter(2, "")]).member;
  const notEnough = "9 etcdserver: re-configuration failed due to not enough started members";
  assert.equal(refusal(add(started, ["http://n:1"])), notEnough);
  assert.equal(cluster([voter(self)]).member.api.pendingCount, 0);
});

test("MemberAdd: unhealthy until every voter has been connected for five seconds, unless the check is off", () => {
  const recently = { connectedSinceMs: () => -3999 };
  const two = [voter(self), voter(2)];
  assert.equal(
    refusal(add(cluster(two, recently).member, ["http://n:1"])),
    "14 etcdserver: unhealthy cluster",
  );
  assert.equal(
    refusal(add(cluster(two, recently).member, ["http://n:1"], true)),
    "14 etcdserver: unhealthy cluster",
  );
  const lax = cluster(two, recently, false);
  add(lax.member, ["http://n:1"]);
  assert.equal(lax.asked.length, 1);
  const justEnough = cluster(two, { connectedSinceMs: () => -4000 });
  add(justEnough.member, ["http://n:1"]);
  assert.equal(justEnough.asked.length, 1);
});

test("MemberRemove: unknown, last, healthy quorum, a dead one, a learner", () => {
  const three = [voter(self), voter(2), voter(3)];
  assert.equal(refusal(remove(cluster(three).member, 9)), "5 etcdserver: member not found");
  const last = refusal(remove(cluster([voter(self)]).member, self));
  assert.equal(last, "9 etcdserver: re-configuration failed due to not enough started members");
  const oneDead = { connectedSinceMs: (id: number) => (id === 3 ? null : 0 - 10_000) };
  assert.equal(refusal(remove(cluster(three, oneDead).member, 2)), "14 etcdserver: unhealthy cluster");
  const dead = cluster(three, oneDead);
  remove(dead.member, 3);
  assert.deepEqual(dead.asked[0]?.step, { op: "remove", id: 3 });
  const learner = cluster([voter(self), voter(2, "l", true)], { connectedSinceMs: () => null });
  remove(learner.member, 2);
  assert.equal(learner.asked.length, 1);
});

test("MemberPromote: by what the leader knows of the learner's log", () => {
  const members = [voter(self), voter(2, "l", true)];
  const at = (match: number) =>
    cluster(members, {
      progress: () =>
        new Map([
          [self, 100],
          [2, match],
        ]),
    });
  assert.equal(
    refusal(promote(at(89).member, 2)),
    "9 etcdserver: can only promote a learner member which is in sync with leader",
  );
  const ready = at(90);
  promote(ready.member, 2);
  assert.deepEqual(ready.asked[0]?.step, { op: "promote", id: 2 });
  assert.equal(refusal(promote(at(90).member, 7)), "5 etcdserver: member not found");
  assert.equal(refusal(promote(at(90).member, self)), "9 etcdserver: can only promote a learner member");
});

test("MemberPromote through another member asks the leader", () => {
  const leader = cluster([voter(self), voter(2, "l", true)], {
    progress: () =>
      new Map([
        [self, 100],
        [2, 100],
      ]),
  });
  const port: ReconfigurationPort = {
    confIndex: 1,
    newMemberId: () => 1,
    change: (step, _confIndex, done) => {
      assert.equal(step.op, "promote");
      done({ kind: "applied" });
      return { cancel: () => {} };
    },
    connectedSinceMs: () => -10_000,
    progress: () => null,
    moveLeader: () => assert.fail("no transfer is asked for"),
  };
  const follower = new Member({
    reconfiguration: port,
    leaderPort: { askLeader: (question, done) => leader.member.api.answerMember(question, done) },
  });
  follower.members = [voter(self), voter(2, "l", true)];
  assert.notEqual(promote(follower, 2).answer, null);
  leader.member.api.answerMember(new Uint8Array([1, 16, 1]), (answer) =>
    assert.deepEqual([...answer], [1, 0]),
  );
});

test("MemberUpdate: its own URL again, and one that another has", () => {
  const update = (member: Member, ID: bigint, peerURLs: string[]): FakeCall =>
    member.call(path("MemberUpdate"), MemberUpdateRequestSchema, { ID, peerURLs });
  const members = [voter(self), voter(2)];
  const fine = cluster(members);
  update(fine.member, 2n, ["http://p:2"]);
  assert.deepEqual(fine.asked[0]?.step, { op: "update", id: 2, peerUrls: ["http://p:2"] });
  const other = members[0]?.peerUrls[0] ?? "";
  assert.equal(
    refusal(update(cluster(members).member, 2n, [other])),
    "9 etcdserver: Peer URLs already exists",
  );
  assert.equal(
    refusal(update(cluster(members).member, 2n ** 60n, ["http://x:1"])),
    "5 etcdserver: member not found",
  );
  assert.equal(
    refusal(update(cluster(members).member, 2n, [])),
    "3 etcdserver: given member URLs are invalid",
  );
});

test("a change that met another configuration is checked and made again, until the time of a request is over", () => {
  const { asked, member } = cluster([voter(self), voter(2)]);
  const call = add(member, ["http://n:1"], true);
  asked[0]?.done({ kind: "refused", reason: "conf-changed" });
  assert.equal(asked.length, 1);
  member.api.tick(1050);
  assert.equal(asked.length, 2);
  asked[1]?.done({ kind: "refused", reason: "conf-changed" });
  member.api.tick(20_000);
  assert.equal(refusal(call), "14 etcdserver: request timed out");
  const gone = add(member, ["http://n:2"], true);
  asked[2]?.done({ kind: "refused", reason: "conf-changed" });
  gone.cancel();
  member.api.tick(20_050);
  assert.equal(asked.length, 3);
});

test("a change whose end nobody knows, and one that waits when the server stops", () => {
  const { asked, member } = cluster([voter(self), voter(2)]);
  const unknown = add(member, ["http://n:1"], true);
  asked[0]?.done({ kind: "unknown", reason: "connection-lost" });
  assert.equal(refusal(unknown), "14 etcdserver: request timed out, possibly due to connection lost");
  const waiting = add(member, ["http://n:1"], true);
  asked[1]?.done({ kind: "refused", reason: "conf-changed" });
  member.api.stop();
  assert.equal(refusal(waiting), "14 etcdserver: server stopped");
});
