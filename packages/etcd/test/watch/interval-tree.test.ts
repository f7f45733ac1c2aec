/** The interval tree against a list of ranges, and what a question costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareBytes } from "@quorate/base";
import fc from "fast-check";
import { IntervalTree } from "../../src/watch/interval-tree.ts";

const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 6 });
const range = fc
  .tuple(key, fc.option(key))
  .filter(([begin, end]) => end === null || compareBytes(begin, end) < 0);

test("a key finds the ranges that contain it, through insertions and removals", () => {
  const step = fc.record({ range, add: fc.integer({ min: 0, max: 2 }).map((n) => n > 0), item: fc.nat(3) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120, size: "max" }),
      fc.array(key, { maxLength: 20 }),
      (steps, keys) => {
        const tree = new IntervalTree<number>();
        const model = new Map<string, { begin: Uint8Array; end: Uint8Array | null; item: number }>();
        for (const next of steps) {
          const [begin, end] = next.range;
          const name = `${begin}|${end}|${next.item}`;
          if (next.add && !model.has(name)) {
            tree.add(begin, end, next.item);
            model.set(name, { begin, end, item: next.item });
          } else if (!next.add && model.delete(name)) {
            tree.remove(begin, end, next.item);
          }
          tree.check();
        }
        assert.equal(tree.size, model.size);
        for (const asked of keys) {
          const found: number[] = [];
          tree.visit(asked, (item) => found.push(item));
          const expected = [...model.values()].filter(
            ({ begin, end }) =>
              compareBytes(begin, asked) <= 0 && (end === null || compareBytes(asked, end) < 0),
          );
          assert.deepEqual(found.sort(), expected.map(({ item }) => item).sort());
        }
      },
    ),
    { seed: 20_260_121, numRuns: 300 },
  );
});
