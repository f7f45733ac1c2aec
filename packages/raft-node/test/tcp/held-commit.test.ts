/** An append without entries waits for one with entries, a little; nothing else does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { HeldCommit } from "../../src/tcp/held-commit.ts";

const term = toTerm(3);

function append(commit: number, entries: readonly Entry[] = []): PeerFrame {
  return {
    kind: "message",
    message: {
      type: "append-entries",
      from: toNodeId(1),
      to: toNodeId(2),
      term,
      previous: { term, index: toLogIndex(7) },
      entries,
      commit: toLogIndex(commit),
    },
  };
}

const entry: Entry = { type: "normal", term, index: toLogIndex(8), data: new Uint8Array(1) };
const proposal: PeerFrame = { kind: "propose", term, requestId: 1, commands: [new Uint8Array(1)] };

/** What was released, and a wait for the next release; appends came one right behind the other. */
function hold() {
  const released: [number, PeerFrame][] = [];
  let told: () => void = () => {};
  let nowMs = 1000;
  const held = new HeldCommit(
    (group, frame) => {
      released.push([group, frame]);
      told();
    },
    () => nowMs,
  );
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      told = resolve;
    });
  for (const group of [1, 1]) {
    assert.equal(held.takes(group, append(4, [entry])), false);
  }
  const wait = (ms: number): void => {
    nowMs += ms;
  };
  return { held, released, next, wait };
}

test("behind a write that stands alone the commit is told at once", () => {
  const { held, wait } = hold();
  wait(1);
  assert.equal(held.takes(1, append(5, [entry])), false);
  assert.equal(held.takes(1, append(5)), false);
});

test("an empty append leaves by itself when nothing else comes", async () => {
  const { held, next, released } = hold();
  const frame = append(5);
  assert.equal(held.takes(1, frame), true);
  assert.deepEqual(released, []);
  await next();
  assert.deepEqual(released, [[1, frame]]);
});

test("of two empty appends the later one is told", async () => {
  const { held, next, released } = hold();
  const later = append(6);
  assert.equal(held.takes(1, append(5)), true);
  assert.equal(held.takes(1, later), true);
  await next();
  assert.deepEqual(released, [[1, later]]);
});

test("an append with entries takes its place, and other messages pass it by", () => {
  const { held, released } = hold();
  assert.equal(held.takes(1, append(5)), true);
  assert.equal(held.takes(1, proposal), false);
  assert.equal(held.takes(1, append(5, [entry])), false);
  held.flush();
  assert.deepEqual(released, []);
  held.close();
});

test("groups do not speak for each other", () => {
  const { held, released } = hold();
  const first = append(5);
  const second = append(9);
  assert.equal(held.takes(1, first), true);
  assert.equal(held.takes(2, append(9, [entry])), false);
  assert.equal(held.takes(2, second), true);
  assert.deepEqual(released, [[1, first]]);
  held.flush();
  assert.deepEqual(released, [
    [1, first],
    [2, second],
  ]);
  held.close();
});

test("a peer whose clients wait is told at once", () => {
  const { held, wait } = hold();
  held.asked();
  wait(999);
  assert.equal(held.takes(1, append(5, [entry])), false);
  assert.equal(held.takes(1, append(5, [entry])), false);
  assert.equal(held.takes(1, append(5)), false);
  wait(1);
  assert.equal(held.takes(1, append(5, [entry])), false);
  assert.equal(held.takes(1, append(5, [entry])), false);
  assert.equal(held.takes(1, append(5)), true);
  held.close();
});

test("nothing is sent once it is closed", async () => {
  const { held, released } = hold();
  assert.equal(held.takes(1, append(5)), true);
  held.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(released, []);
});
