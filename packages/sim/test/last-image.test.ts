/** The image that a member leaves at a stop: made, cut short by the power, or by a disk that is full; the member comes back each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FaultKind } from "../src/fault-count.ts";
import type { StopTrouble } from "../src/stop-trouble.ts";
import type { SeedPlan } from "../src/swarm.ts";
import { Peace } from "./peace.ts";

interface Stopped {
  readonly events: readonly string[];
  readonly count: (kind: FaultKind) => number;
}

/** Three members at peace with some commands; one follower is stopped, meets that, and comes back. */
function stopped(trouble: StopTrouble | null, changes: Partial<SeedPlan> = {}): Stopped {
  const events: string[] = [];
  const peace = new Peace(3, { stopLogBytesMin: 50, snapshotChunkBytes: 65536, ...changes }, (_, text) =>
    events.push(text),
  );
  const { cluster, faults, follower } = peace;
  peace.put(10);
  peace.until("all have all", () => cluster.isCaughtUp());
  events.length = 0;
  assert.ok(cluster.stop(follower, trouble));
  peace.until("it stops", () => !cluster.runs(follower));
  peace.until("it is back", () => cluster.runs(follower) && cluster.isCaughtUp());
  cluster.checkEqualStates();
  return { events, count: (kind) => faults.get(kind) };
}

const kinds = ["last-image", "last-image-failed", "crash-in-last-image"] as const;

test("one that meets nothing is there, and the member starts behind it", () => {
  for (const sessions of [false, true]) {
    const { count, events } = stopped(null, { sessions });
    assert.deepEqual(kinds.map(count), [1, 0, 0]);
    assert.ok(events.some((text) => text.startsWith("exit ")));
  }
});

test("there is none where none is wanted, nor where little would have to be applied again", () => {
  for (const stopLogBytesMin of [null, 100_000]) {
    const { count, events } = stopped(null, { stopLogBytesMin });
    assert.deepEqual(kinds.map(count), [0, 0, 0]);
    assert.ok(!events.some((text) => text.startsWith("last image")));
  }
});

test("the power goes out at any of its disk calls: the member comes back from what it had, or from the image", () => {
  const outcomes = new Set<string>();
  for (const moment of ["before", "after"] as const) {
    for (let calls = 1; calls <= 50; calls += 3) {
      const { count, events } = stopped({ kind: "power", calls, moment });
      const [made, failed, cut] = kinds.map(count);
      assert.equal(failed, 0);
      assert.equal((made ?? 0) + (cut ?? 0), 1, `call ${calls}`);
      outcomes.add(
        made === 1 ? (events.some((text) => text.startsWith("exit")) ? "exit" : "behind it") : "within it",
      );
    }
  }
  assert.deepEqual([...outcomes].sort(), ["behind it", "exit", "within it"]);
});

test("no room for it: the member says so and ends, and comes back from its log", () => {
  for (const roomBytes of [0, 100_000, 1_000_000]) {
    const { count, events } = stopped({ kind: "full", roomBytes });
    assert.deepEqual(kinds.map(count), [0, 1, 0]);
    assert.ok(
      events.some((text) => /^fatal \d STORAGE_FULL /.test(text)),
      events.join("\n"),
    );
  }
});
