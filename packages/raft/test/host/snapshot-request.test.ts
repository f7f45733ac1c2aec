/** Images that a member asks for although its log is whole, between hosts over memory ports. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@quorate/base";
import { type SnapshotRequestOutcome, toLogIndex, toNodeId } from "@quorate/raft";
import {
  decodeSnapshotAnswer,
  decodeSnapshotRequest,
  encodeSnapshotAnswer,
  encodeSnapshotRequest,
} from "../../src/host/snapshot-request-codec.ts";
import { TestHosts } from "./cluster.ts";

const limits = { snapshotChunkBytes: 50, snapshotWindowCount: 2 };

function group(snapshots: ConstructorParameters<typeof TestHosts>[1] = {}): TestHosts {
  const hosts = new TestHosts(3, { limits, ...snapshots });
  const leader = hosts.elect(1);
  for (let i = 1; i <= 20; i++) {
    leader.host.propose(new Uint8Array([i, 7]), () => {});
    hosts.tick();
  }
  assert.equal(hosts.member(3).machine.commands.length, 20);
  return hosts;
}

/** The doubted machine: one of its commands is not what the log says. */
function spoil(hosts: TestHosts, id: number): void {
  const command = hosts.member(id).machine.commands[3];
  assert.ok(command !== undefined);
  command[1] = 99;
}

const stateOf = (hosts: TestHosts, id: number): string[] =>
  hosts.member(id).machine.commands.map((bytes) => toHex(bytes));

function ask(hosts: TestHosts, id: number): { outcome: SnapshotRequestOutcome | null } {
  const asked: { outcome: SnapshotRequestOutcome | null } = { outcome: null };
  hosts.member(id).host.requestSnapshot((outcome) => {
    assert.equal(asked.outcome, null, "told once");
    asked.outcome = outcome;
  });
  return asked;
}

function tickUntil(hosts: TestHosts, isDone: () => boolean, work: () => void = () => {}): void {
  for (let i = 0; i < 300 && !isDone(); i++) {
    work();
    hosts.tick();
  }
  assert.ok(isDone(), "in time");
}

test("a follower whose machine is doubted restores it from a fresh image of the leader, and keeps its log", () => {
  const hosts = group();
  spoil(hosts, 3);
  assert.notDeepEqual(stateOf(hosts, 3), stateOf(hosts, 1));
  const { host, storage } = hosts.member(3);
  const { committed } = host;
  const asked = ask(hosts, 3);
  assert.equal(host.status().snapshotRequestIndex, committed + 1);
  tickUntil(hosts, () => asked.outcome !== null);
  assert.equal(asked.outcome?.kind, "installed");
  assert.deepEqual(stateOf(hosts, 3), stateOf(hosts, 1));
  assert.equal(storage.firstIndex, 1, "no entry of the log is gone");
  assert.equal(host.status().snapshotRequestIndex, null);
  const types = hosts.member(3).events.map(({ type }) => type);
  for (const type of ["snapshot-requested", "snapshot-installed", "snapshot-request-ended"] as const) {
    assert.equal(types.filter((each) => each === type).length, 1, type);
  }
  const sent = hosts
    .member(1)
    .events.flatMap((event) => (event.type.startsWith("snapshot-sen") ? [event.type] : []));
  assert.deepEqual(sent, ["snapshot-sending", "snapshot-sent"]);
  // What the doubted state was is gone for good: a restart comes back to the same.
  hosts.restart(3);
  tickUntil(hosts, () => hosts.member(3).host.applied >= hosts.member(1).host.committed);
  assert.deepEqual(stateOf(hosts, 3), stateOf(hosts, 1));
});

test("entries go on while the image travels, are acknowledged, and are applied behind it", () => {
  const hosts = group({ limits: { ...limits, snapshotSendBytesPerTickMax: 10 } });
  spoil(hosts, 3);
  // Without the acknowledgements of the asking member nothing would be committed.
  hosts.network.partition([toNodeId(2)], [toNodeId(1), toNodeId(3)]);
  const asked = ask(hosts, 3);
  let proposed = 0;
  let applied = 0;
  tickUntil(
    hosts,
    () => asked.outcome !== null,
    () => {
      proposed++;
      hosts.member(1).host.propose(new Uint8Array([proposed, 8]), ({ kind }) => {
        applied += kind === "applied" ? 1 : 0;
      });
    },
  );
  assert.equal(asked.outcome?.kind, "installed");
  assert.ok(proposed > 5 && applied >= proposed - 1, `${applied} of ${proposed} proposals meanwhile`);
  tickUntil(hosts, () => hosts.member(3).host.applied === hosts.member(1).host.committed);
  assert.deepEqual(stateOf(hosts, 3), stateOf(hosts, 1));
  assert.equal(hosts.member(3).fatal.length, 0);
});

test("images of a doubted state are not made, and one of its own at the same place is not mistaken for the leader's", () => {
  const hosts = group();
  spoil(hosts, 3);
  hosts.member(3).host.demandSnapshot();
  tickUntil(hosts, () => hosts.member(3).events.some(({ type }) => type === "snapshot-made"));
  const asked = ask(hosts, 3);
  hosts.member(3).host.demandSnapshot();
  tickUntil(hosts, () => asked.outcome !== null);
  assert.equal(asked.outcome?.kind, "installed");
  assert.deepEqual(stateOf(hosts, 3), stateOf(hosts, 1));
});

test("another leader ends the request, and the member goes on with it; it may ask again", () => {
  const hosts = group({ limits: { ...limits, snapshotSendBytesPerTickMax: 5 } });
  spoil(hosts, 3);
  const asked = ask(hosts, 3);
  hosts.tick(3);
  assert.equal(asked.outcome, null);
  hosts.member(1).host.transferLeadership(toNodeId(2));
  tickUntil(hosts, () => hosts.member(2).host.role === "leader");
  hosts.tick(3);
  assert.deepEqual(asked.outcome, { kind: "ended", reason: "leader-changed" });
  hosts.member(2).host.propose(new Uint8Array([77]), () => {});
  tickUntil(hosts, () => hosts.member(3).host.applied === hosts.member(2).host.committed);
  const again = ask(hosts, 3);
  tickUntil(hosts, () => again.outcome !== null);
  assert.equal(again.outcome?.kind, "installed");
  assert.deepEqual(stateOf(hosts, 3), stateOf(hosts, 2));
});

test("a restart forgets the request; abandoned, refused and stopped are told", () => {
  const hosts = group({ limits: { ...limits, snapshotSendBytesPerTickMax: 5 } });
  const forgotten = ask(hosts, 3);
  hosts.tick(2);
  hosts.restart(3);
  hosts.tick(5);
  assert.deepEqual(forgotten.outcome, { kind: "ended", reason: "stopped" });
  assert.equal(hosts.member(3).host.status().snapshotRequestIndex, null);
  const leader = ask(hosts, 1);
  assert.deepEqual(leader.outcome, { kind: "refused", reason: "is-leader", leader: 1 });
  const outcomes: SnapshotRequestOutcome[] = [];
  const waiting = hosts.member(2).host.requestSnapshot((outcome) => outcomes.push(outcome));
  waiting.abandon();
  waiting.abandon();
  assert.deepEqual(outcomes, [{ kind: "ended", reason: "abandoned" }]);
  const second = ask(hosts, 3);
  const third = ask(hosts, 3);
  assert.deepEqual(third.outcome, { kind: "refused", reason: "already-asked", leader: 1 });
  hosts.member(3).host.halt();
  assert.deepEqual(second.outcome, { kind: "ended", reason: "stopped" });
});

test("without a chunk for sixty election time-outs it is no longer waited for, and commits are learned again", () => {
  const hosts = group();
  const { host } = hosts.member(3);
  const send = hosts.member(1).host;
  hosts.network.partition([toNodeId(3)], [toNodeId(1), toNodeId(2)]);
  const asked = ask(hosts, 3);
  for (let i = 0; i < 700 && asked.outcome === null; i++) {
    hosts.tick();
  }
  assert.equal(asked.outcome?.kind, "ended", "by its leader's loss, or by the time");
  hosts.network.heal();
  tickUntil(hosts, () => host.leader === send.leader && host.applied === send.committed);
});

test("golden: a request for an image, and its answers", () => {
  assert.equal(toHex(encodeSnapshotRequest(toLogIndex(300))), "01ac02");
  assert.equal(toHex(encodeSnapshotAnswer(true)), "0101");
  assert.equal(toHex(encodeSnapshotAnswer(false)), "0100");
  assert.equal(decodeSnapshotRequest(encodeSnapshotRequest(toLogIndex(300))), 300);
  assert.equal(decodeSnapshotAnswer(encodeSnapshotAnswer(true)), true);
  assert.throws(() => decodeSnapshotRequest(new Uint8Array([2, 1])), { name: "DecodeError" });
  assert.throws(() => decodeSnapshotAnswer(new Uint8Array([1, 1, 1])), { name: "DecodeError" });
});
