import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { Trail } from "../../src/explorer/trail.ts";

test("the way to each world leads through its parents, as written down by a plain list", () => {
  const random = new Prng(5);
  const trail = new Trail();
  const parents: (readonly [parent: number, place: number] | null)[] = [null];
  const wayTo = (world: number): number[] => {
    const found = parents[world] ?? null;
    return found === null ? [] : [...wayTo(found[0]), found[1]];
  };
  for (let world = 0; world < parents.length && parents.length < 30_000; world++) {
    // Long runs of worlds without children, so that sums stay equal.
    const childCount = world < 10 || random.integer(0, 3) === 0 ? 1 + random.integer(0, 6) : 0;
    for (let child = 0; child < childCount; child++) {
      const place = random.integer(0, 256);
      trail.found(place);
      parents.push([world, place]);
    }
    if (world % 1_000 === 0) {
      // Also while a world is being expanded.
      assert.deepEqual(trail.wayTo(parents.length - 1), wayTo(parents.length - 1));
    }
    trail.expanded();
  }
  assert.ok(parents.length > 20_000);
  for (let i = 0; i < 500; i++) {
    const world = random.integer(0, parents.length);
    assert.deepEqual(trail.wayTo(world), wayTo(world));
  }
});
