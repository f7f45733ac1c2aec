/** A state that begins another cluster: what belonged to the old one is gone, the revision is raised, and everything still fits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, encodeCommand, KvStateMachine } from "@quorate/kv";
import { put } from "./support/requests.ts";

function machineWith(commands: readonly Command[]): KvStateMachine {
  const machine = new KvStateMachine();
  commands.forEach((command, place) => {
    machine.apply(encodeCommand(command), { index: place + 1, term: 1 });
  });
  return machine;
}

const old: readonly Command[] = [
  { type: "lease-grant", id: 7n, ttlSeconds: 60 },
  put("a", "1"),
  put("a", "2", { lease: 7n }),
  put("b", "3"),
  { type: "member-publish", id: 5, name: "m1", clientUrls: ["http://a:1"], peerUrls: ["http://a:2"] },
  { type: "alarm", action: "activate", alarm: "no-space", memberId: 5 },
];

function copyOf(machine: KvStateMachine): KvStateMachine {
  const copy = new KvStateMachine();
  const restore = copy.restore();
  const image = machine.snapshot();
  for (let chunk = image.read(64); chunk !== null; chunk = image.read(64)) {
    restore.write(chunk);
  }
  image.close();
  restore.finish();
  return copy;
}

test("members and alarms are gone; keys, leases and revisions stay", () => {
  const machine = machineWith(old);
  machine.beginAnew(0);
  assert.deepEqual([machine.members(), machine.alarms()], [[], []]);
  assert.deepEqual([machine.revision, machine.compactRevision, machine.leaseCount], [4, -1, 1]);
  machine.check();
});

test("a raised revision: the next write is above it, what was before is compacted, and an image carries both", () => {
  const machine = machineWith(old);
  machine.beginAnew(1000);
  for (const state of [machine, copyOf(machine)]) {
    state.check();
    assert.deepEqual([state.revision, state.compactRevision], [1004, 1004]);
    assert.deepEqual(
      state.leaseKeys(7n).map((key) => Buffer.from(key).toString()),
      ["a"],
    );
    assert.equal(state.events(1003, 10).type, "refused");
    const events = state.events(1004, 10);
    assert.deepEqual(events.type === "events" ? [events.events, events.nextRevision] : null, [[], 1005]);
    const result = state.apply(encodeCommand(put("a", "9")), { index: 100, term: 2 });
    assert.equal(result.type === "put" && result.revision, 1005);
    const hash = state.hashKv();
    assert.equal(hash.type, "hash-kv");
    while (state.sweep(100)) {
      // Until nothing is left.
    }
    assert.deepEqual(state.hashKv(), hash, "sweeping changes nothing that can be seen");
    state.check();
  }
});
