/** Each promise to a watcher, broken once: the checker must say so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KvHistory, type ModelEvent } from "../../src/etcd/kv-history.ts";
import { type SeenEvent, WatchChecker, type WatchWish } from "../../src/etcd/watch-checker.ts";

/** Revision 2: a=1. 3: a=2 and b=1. 4: a deleted. 5: c=1, outside of what is watched. 6: b=2. */
function history(): KvHistory {
  const made = new KvHistory();
  const write = (...puts: readonly (readonly [string, string])[]): void => {
    for (const [key, value] of puts) {
      made.put(key, value, 0n);
    }
    made.finish();
  };
  write(["a", "1"]);
  write(["a", "2"], ["b", "1"]);
  const found = made.at("a", 3);
  assert.ok(found !== null);
  made.remove(found);
  made.finish();
  write(["c", "1"]);
  write(["b", "2"]);
  return made;
}

const all: WatchWish = { key: "a", rangeEnd: "c", prevKv: true, noPut: false, noDelete: false };

function seen({ previous, version }: ModelEvent): SeenEvent {
  return { type: version.isDeleted ? "delete" : "put", pair: version, previous };
}

function checkerOf(
  wish: WatchWish = all,
  start: number | null = 2,
): { checker: WatchChecker; of: (revision: number) => SeenEvent[] } {
  const made = history();
  return {
    checker: new WatchChecker("w", made, wish, start),
    of: (revision) => made.eventsAt(revision).map(seen),
  };
}

const broken = (work: () => void, why: RegExp): void => {
  assert.throws(work, (error: Error) => error.name === "Violation" && why.test(error.message), String(why));
};

test("what happened, in order, whole and once, is right", () => {
  const { checker, of } = checkerOf();
  checker.came([...of(2), ...of(3)], false, -1);
  checker.came(of(4), false, -1);
  checker.progressed(5);
  assert.equal(checker.hasAll(6), false);
  checker.came(of(6), false, -1);
  assert.equal(checker.hasAll(6), true);
  assert.equal(checker.next, 7);
});

test("Reliable: a revision that is left out, also in the middle of others", () => {
  const first = checkerOf();
  broken(() => first.checker.came(first.of(3), false, -1), /revision 2 is missing/);
  const second = checkerOf();
  broken(() => second.checker.came([...second.of(2), ...second.of(4)], false, -1), /revision 3 is missing/);
});

test("Unique and Ordered: an event that comes again, or too late", () => {
  const { checker, of } = checkerOf();
  checker.came([...of(2), ...of(3)], false, -1);
  broken(() => checker.came(of(3), false, -1), /when 4 is due/);
});

test("Atomic: a revision in two responses, unless the first says that it is a fragment", () => {
  const { checker, of } = checkerOf();
  checker.came(of(2), false, -1);
  const [left, right] = of(3);
  assert.ok(left !== undefined && right !== undefined);
  checker.came([left], true, -1);
  checker.came([right], false, -1);
  const torn = checkerOf(all, 3);
  broken(() => torn.checker.came([left], false, -1), /torn apart/);
});

test("after a break a torn revision comes again from its beginning", () => {
  const { checker, of } = checkerOf(all, 3);
  checker.came(of(3).slice(0, 1), true, -1);
  checker.interrupted();
  checker.came(of(3), false, -1);
  assert.equal(checker.next, 4);
});

test("Bookmarkable: progress ahead of events", () => {
  const { checker, of } = checkerOf();
  checker.came(of(2), false, -1);
  broken(() => checker.progressed(3), /revision 3 was not sent/);
});

test("a wrong value, a wrong or missing previous pair, an event that was filtered out", () => {
  const value = checkerOf();
  const [event] = value.of(2);
  assert.ok(event !== undefined);
  const other = { ...event, pair: { ...event.pair, value: "other" } };
  broken(() => value.checker.came([other], false, -1), /brings a put/);
  const previous = checkerOf(all, 3);
  const without = previous.of(3).map((each) => ({ ...each, previous: null }));
  broken(() => previous.checker.came(without, false, -1), /brings a put/);
  const filtered = checkerOf({ ...all, noPut: true });
  broken(() => filtered.checker.came(filtered.of(2), false, -1), /due was nothing/);
});

test("a previous pair may be missing once its revision is compacted", () => {
  const { checker, of } = checkerOf(all, 3);
  checker.came(
    of(3).map((each) => ({ ...each, previous: null })),
    false,
    3,
  );
  assert.equal(checker.next, 4);
});

test("ErrCompacted exactly when due", () => {
  const due = checkerOf();
  due.checker.compacted(4, 5);
  assert.equal(due.checker.next, 4);
  broken(() => checkerOf().checker.compacted(2, 5), /ended as compacted/);
  broken(() => checkerOf().checker.compacted(6, 5), /ended as compacted/);
});

test("a watcher that names no beginning begins behind what it is told", () => {
  const { checker, of } = checkerOf(all, null);
  checker.created(4);
  broken(() => checker.came(of(4), false, -1), /when 5 is due/);
});
