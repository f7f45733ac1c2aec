/** A leader whose disk hangs: told of, handed over, given up. A follower's slow disk is only told of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostEvent, toNodeId } from "@quorate/raft";
import type { MemoryStorage } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

/** Holds every write from now on; what it returns lets them go. */
function hang(storage: MemoryStorage): () => void {
  const held: (() => void)[] = [];
  const write = storage.write.bind(storage);
  storage.write = (batch, completed) => void held.push(() => write(batch, completed));
  return () => {
    storage.write = write;
    for (const go of held) {
      go();
    }
  };
}

const types = (events: readonly HostEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => type === "slow-disk" || type === "resigned");

// [transfer-on-trouble]
test("a leader whose write hangs for an election time-out hands over, and loses nothing", () => {
  const hosts = new TestHosts(3);
  const { events, host, storage } = hosts.elect(1);
  hosts.tick(2);
  const release = hang(storage);
  const outcomes: string[] = [];
  host.propose(new Uint8Array([1]), ({ kind }) => outcomes.push(kind));
  hosts.tick(9);
  assert.deepEqual(types(events), []);
  assert.equal(host.role, "leader");
  hosts.tick(3);
  assert.deepEqual(types(events), ["slow-disk"]);
  const leaders = [2, 3].filter((each) => hosts.member(each).host.role === "leader");
  assert.equal(leaders.length, 1, "another leads before anybody timed out");
  release();
  hosts.tick(3);
  assert.deepEqual(outcomes, ["applied"], "the majority without the slow disk had committed it");
});

test("where nobody can take over it gives up its place after a second time-out, and leads again once it can", () => {
  const hosts = new TestHosts(1);
  const { events, host, storage } = hosts.elect(1);
  const release = hang(storage);
  host.propose(new Uint8Array([1]), () => {});
  hosts.tick(21);
  assert.deepEqual(types(events), ["slow-disk", "slow-disk", "resigned"]);
  assert.notEqual(host.role, "leader");
  assert.ok(host.status().persistingTicks >= 20);
  release();
  hosts.tick(25);
  assert.equal(host.role, "leader");
  assert.equal(host.status().persistingTicks, 0);
});

test("a follower's slow disk is told of, and nobody's place is at stake", () => {
  const hosts = new TestHosts(3);
  hosts.elect(1);
  hosts.tick(2);
  hang(hosts.member(2).storage);
  hosts.member(1).host.propose(new Uint8Array([1]), () => {});
  hosts.tick(11);
  assert.deepEqual(types(hosts.member(2).events), ["slow-disk"]);
  assert.equal(hosts.member(1).host.role, "leader");
  assert.equal(hosts.member(3).host.leader, toNodeId(1));
});
