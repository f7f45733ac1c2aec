/** Changes of the membership and transfers asked of a follower: the leader's outcome, or unknown where it was lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, toHex } from "@quorate/base";
import {
  type MembershipChange,
  type MembershipOutcome,
  type RaftHost,
  type TransferOutcome,
  toLogIndex,
  toNodeId,
} from "@quorate/raft";
import fc from "fast-check";
import {
  decodeMembershipChange,
  decodeMembershipOutcome,
  decodeTransfer,
  decodeTransferOutcome,
  encodeMembershipChange,
  encodeMembershipOutcome,
  encodeTransfer,
  encodeTransferOutcome,
} from "../../src/host/request-codec.ts";
import { TestHosts } from "./cluster.ts";

const confState = {
  voters: [1, 2].map(toNodeId),
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function change(host: RaftHost<number>, asked: MembershipChange): MembershipOutcome[] {
  const outcomes: MembershipOutcome[] = [];
  host.changeMembers(asked, (outcome) => outcomes.push(outcome));
  return outcomes;
}

function handOver(host: RaftHost<number>, target: number | null): TransferOutcome[] {
  const outcomes: TransferOutcome[] = [];
  host.handOver(target === null ? null : toNodeId(target), (outcome) => outcomes.push(outcome));
  return outcomes;
}

function group(): TestHosts {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  hosts.tick(2);
  return hosts;
}

test("a change asked of a follower is in force there when it is told", () => {
  const hosts = group();
  const { host } = hosts.member(2);
  const outcomes: MembershipOutcome[] = [];
  host.changeMembers({ changes: [{ op: "remove", id: toNodeId(3) }] }, (outcome) => {
    outcomes.push(outcome);
    assert.deepEqual(host.status().confState.voters, [1, 2], "applied here, too");
  });
  hosts.tick(5);
  const [outcome] = outcomes;
  assert.ok(outcome?.kind === "applied", JSON.stringify(outcomes));
  assert.deepEqual(outcome.confState.voters, [1, 2]);
  assert.equal(outcome.confIndex, host.status().confIndex);
});

test("the leader's refusal comes with its reason; what is wrong in form is refused without asking", () => {
  const hosts = group();
  const { host } = hosts.member(2);
  const index = change(host, {
    changes: [{ op: "remove", id: toNodeId(3) }],
    expectedConfIndex: toLogIndex(77),
  });
  hosts.scheduler.runAll();
  const [refused] = index;
  assert.ok(refused?.kind === "refused" && refused.reason === "conf-change");
  assert.equal(refused.refusal, "conf-index");
  const [long] = change(host, {
    changes: [{ op: "update", id: toNodeId(3), address: "x".repeat(256) }],
  });
  assert.ok(long?.kind === "refused" && long.reason === "conf-change" && long.refusal === "invalid");
});

test("the answer is lost: the outcome is unknown, though the change is in force", () => {
  const hosts = group();
  const { host } = hosts.member(2);
  const outcomes = change(host, { changes: [{ op: "remove", id: toNodeId(3) }] });
  hosts.scheduler.runTurn();
  hosts.scheduler.runTurn();
  hosts.network.partition([toNodeId(2)], [toNodeId(1)]);
  hosts.scheduler.runAll();
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "connection-lost" }]);
  hosts.network.heal();
  hosts.tick(30);
  assert.deepEqual(hosts.member(1).host.status().confState.voters, [1, 2]);
  assert.equal(outcomes.length, 1, "told once");
});

test("a transfer asked of a follower: done, to the best where nobody is named, refused with the reason", () => {
  const hosts = group();
  const first = handOver(hosts.member(2).host, 2);
  hosts.tick(3);
  assert.deepEqual(first, [{ kind: "done", leader: 2 }]);
  assert.equal(hosts.member(2).host.role, "leader");
  const any = handOver(hosts.member(3).host, null);
  hosts.tick(3);
  assert.ok(any[0]?.kind === "done" && any[0].leader !== 2, JSON.stringify(any));
  const follower = hosts.members.find(({ host }) => host.role !== "leader");
  assert.ok(follower !== undefined);
  const refused = handOver(follower.host, 9);
  hosts.scheduler.runAll();
  assert.ok(refused[0]?.kind === "refused" && refused[0].reason === "not-a-member", JSON.stringify(refused));
});

test("a transfer whose request is lost is watched for two election time-outs, and no longer", () => {
  const hosts = group();
  hosts.network.cut(toNodeId(2), toNodeId(1));
  const outcomes = handOver(hosts.member(2).host, 2);
  hosts.tick(19);
  assert.deepEqual(outcomes, []);
  hosts.tick(1);
  assert.deepEqual(outcomes, [{ kind: "timed-out", transferee: 2 }]);
});

test("golden: a change, its outcomes, a transfer and its outcomes", () => {
  const asked: MembershipChange = {
    changes: [
      { op: "add-learner", id: toNodeId(300), address: "h:1", label: "ä", promote: true },
      { op: "remove", id: toNodeId(3) },
    ],
    transition: "explicit",
    form: "joint",
    expectedConfIndex: toLogIndex(200),
  };
  const bytes = encodeMembershipChange(asked);
  const first = `01ac02${"0103683a31"}${"0102c3a4"}${"0101"}`;
  assert.equal(toHex(bytes), `01${"0102"}${"0101"}${"01c801"}02${first}0203000000`);
  assert.deepEqual(decodeMembershipChange(bytes), asked);

  const outcomes: [MembershipOutcome, string][] = [
    [{ kind: "applied", confIndex: toLogIndex(7), confState }, "01000702010200000000"],
    [{ kind: "refused", reason: "leader-changed", leader: toNodeId(2) }, "01010702"],
    [
      { kind: "refused", reason: "conf-change", refusal: "quorum", problem: "no", confIndex: toLogIndex(9) },
      "010205026e6f09",
    ],
    [{ kind: "unknown", reason: "snapshot" }, "010302"],
  ];
  for (const [outcome, hex] of outcomes) {
    assert.equal(toHex(encodeMembershipOutcome(outcome)), hex);
    assert.deepEqual(decodeMembershipOutcome(encodeMembershipOutcome(outcome)), outcome);
  }
  assert.equal(toHex(encodeTransfer(null)), "0100");
  assert.equal(toHex(encodeTransfer(toNodeId(5))), "0105");
  assert.equal(decodeTransfer(encodeTransfer(null)), null);
  assert.equal(decodeTransfer(encodeTransfer(toNodeId(5))), 5);
  const transfers: [TransferOutcome, string][] = [
    [{ kind: "done", leader: toNodeId(3) }, "010003"],
    [{ kind: "refused", reason: "unreachable", transferee: toNodeId(3), leader: toNodeId(1) }, "0101030501"],
    [{ kind: "timed-out", transferee: toNodeId(3) }, "010203"],
  ];
  for (const [outcome, hex] of transfers) {
    assert.equal(toHex(encodeTransferOutcome(outcome)), hex);
    assert.deepEqual(decodeTransferOutcome(encodeTransferOutcome(outcome)), outcome);
  }
});

test("whatever bytes come, they decode or are refused by name", () => {
  const decoders = [decodeMembershipChange, decodeMembershipOutcome, decodeTransfer, decodeTransferOutcome];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (rest) => {
      for (const decode of decoders) {
        try {
          decode(Uint8Array.of(1, ...rest));
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }
    }),
    { seed: 11, numRuns: 3_000 },
  );
});
