/**
 * A member's progress under any sequence of events, against a model that keeps every append that left and is not acknowledged. The model
 * knows nothing of windows or states: it says what may never happen.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import fc from "fast-check";
import { Inflights } from "../../src/tracker/inflights.ts";
import {
  acknowledge,
  becomeProbe,
  becomeReplicate,
  becomeSnapshot,
  createProgress,
  isPaused,
  type Progress,
  resetProgress,
  retreat,
  sentEntries,
} from "../../src/tracker/progress.ts";
import { at } from "../support/group.ts";

const countMax = 3;
const bytesMax = 50;

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant("send" as const), count: fc.nat(4), size: fc.nat(30) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("ack" as const), index: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("refuse" as const), back: fc.nat(3), hint: fc.nat(40) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("unreachable" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("snapshot" as const), ahead: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("reset" as const), next: fc.integer({ min: 1, max: 9 }) }),
  },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** What left and was not acknowledged: the last index and the bytes of each append. */
type Flight = { last: number; bytes: number }[];

function run(events: readonly Event[]): void {
  const progress = createProgress(toNodeId(2), at(1), false, new Inflights(countMax, bytesMax));
  let flight: Flight = [];
  for (const one of events) {
    const before = { match: Number(progress.match), next: Number(progress.next), state: progress.state };
    flight = take(progress, flight, one);
    check(progress, flight, before, one);
  }
}

function take(progress: Progress, flight: Flight, one: Event): Flight {
  switch (one.op) {
    case "send":
      return send(progress, flight, one.count, one.count === 0 ? 0 : one.size);
    case "ack": {
      // Nobody acknowledges what was never sent.
      const index = Math.min(one.index, progress.next - 1);
      const news = acknowledge(progress, at(index));
      assert.equal(progress.match >= index, true);
      if (!news) return flight;
      if (progress.state !== "replicate") {
        becomeProbe(progress);
        becomeReplicate(progress);
        return [];
      }
      progress.inflights.freeTo(at(index));
      return flight.filter(({ last }) => last > index);
    }
    case "refuse":
      return refuse(progress, flight, one.back, one.hint);
    case "unreachable":
      if (progress.state !== "replicate") return flight;
      becomeProbe(progress);
      assert.equal(progress.next, progress.match + 1, "everything behind what is known is sent again");
      return [];
    case "snapshot":
      becomeSnapshot(progress, at(progress.next + one.ahead));
      return [];
    case "reset":
      resetProgress(progress, at(0), at(one.next));
      return [];
  }
}

function send(progress: Progress, flight: Flight, count: number, bytes: number): Flight {
  if (isPaused(progress) || (progress.inflights.full && count > 0)) return flight;
  const next = Number(progress.next);
  sentEntries(progress, count, bytes);
  if (progress.state === "probe") {
    assert.equal(progress.next, next, "a probe does not run ahead");
    assert.equal(isPaused(progress), count > 0, "a probe waits for the answer to its entries");
    return flight;
  }
  assert.equal(progress.next, next + count, "what was sent is not sent again");
  return count === 0 ? flight : [...flight, { last: next + count - 1, bytes }];
}

function refuse(progress: Progress, flight: Flight, back: number, hint: number): Flight {
  if (progress.state === "snapshot") return flight;
  const refused = Math.max(0, progress.next - 1 - back);
  const { match, next } = progress;
  const taken = retreat(progress, at(refused), at(Math.min(hint, refused)));
  if (!taken) {
    assert.deepEqual([progress.match, progress.next], [match, next], "a stale refusal changes nothing");
    return flight;
  }
  if (progress.state === "probe") {
    assert.ok(refused === next - 1, "a probe hears only the refusal of what it sent last");
    assert.ok(
      progress.next <= Math.max(refused, match + 1),
      "each refusal leads back, as far as what is known",
    );
    assert.equal(isPaused(progress), false, "and the next probe may leave");
    return flight;
  }
  assert.ok(refused > match, "what is known to be there cannot be refused");
  becomeProbe(progress);
  return [];
}

function check(
  progress: Progress,
  flight: Flight,
  before: { match: number; next: number; state: Progress["state"] },
  one: Event,
): void {
  const text = JSON.stringify({ ...one, state: progress.state });
  assert.ok(progress.match < progress.next, text);
  if (one.op !== "reset") assert.ok(progress.match >= before.match, `match never falls: ${text}`);
  const replicating = progress.state === "replicate";
  assert.equal(progress.inflights.count, replicating ? flight.length : 0, text);
  const bytes = replicating ? flight.reduce((sum, each) => sum + each.bytes, 0) : 0;
  assert.equal(progress.inflights.bytes, bytes, `bytes under way: ${text}`);
  assert.equal(
    progress.inflights.full,
    replicating && (flight.length >= countMax || bytes >= bytesMax),
    text,
  );
  if (progress.state === "snapshot") {
    assert.equal(progress.next, progress.pendingSnapshot + 1, text);
    assert.ok(isPaused(progress), text);
  } else {
    assert.equal(progress.pendingSnapshot, 0, text);
  }
  if (progress.state === "probe") {
    assert.ok(progress.sentCommit < progress.next, text);
  }
}

test("whatever happens, match only grows, next stays above it, and what is under way is what was sent and not answered", () => {
  fc.assert(fc.property(fc.array(event, { maxLength: 60 }), run), { seed: 20_270, numRuns: 1_500 });
});
