import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Prng } from "@quorate/base";
import fc from "fast-check";
import { check } from "./check.ts";

function draw(random: Prng, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

describe("golden draws: a recorded seed must replay for ever", () => {
  const golden: readonly (readonly [string, Prng, readonly number[]])[] = [
    ["seed 0", new Prng(0), [1803069725, 3883701686, 860789174, 316111081]],
    ["seed 42", new Prng(42), [1735778855, 4126966493, 3844017273, 889953524]],
    ["seed −1", new Prng(-1), [2632761449, 174815844, 440513523, 69372361]],
    ["the largest seed", new Prng(Number.MAX_SAFE_INTEGER), [2127779165, 1762880766, 506201740, 4252174465]],
    ["a stream of seed 42", new Prng(42).stream("net"), [2172003865, 3760315792, 4030114682, 704305207]],
  ];
  for (const [name, random, expected] of golden) {
    test(name, () => assert.deepEqual(draw(random, 4), expected));
  }
});

test("the same seed draws the same, both halves of the seed count", () => {
  assert.deepEqual(draw(new Prng(7), 100), draw(new Prng(7), 100));
  const firsts = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 40, -1, -(2 ** 32)].map((seed) =>
    draw(new Prng(seed), 2).join(),
  );
  assert.equal(new Set(firsts).size, firsts.length);
});

test("seeds next to each other begin apart in every one of the first draws", () => {
  const near = Array.from({ length: 500 }, (_, i) => i - 250);
  const seeds = [...near, ...near.slice(0, 100).map((_, i) => Number.MAX_SAFE_INTEGER - i)];
  for (let place = 0; place < 4; place++) {
    const drawn = seeds.map((seed) => draw(new Prng(seed), 4)[place]);
    assert.equal(new Set(drawn).size, seeds.length, `draw ${place}`);
  }
});

describe("streams", () => {
  test("do not depend on what was drawn before, and do not shift what is drawn after", () => {
    const fresh = draw(new Prng(9).stream("disk"), 20);
    const used = new Prng(9);
    draw(used, 5);
    assert.deepEqual(draw(used.stream("disk"), 20), fresh);
    const plain = new Prng(9);
    draw(plain, 5);
    assert.deepEqual(draw(used, 20), draw(plain, 20));
  });
  test("differ by name, by seed, by depth, and from their parent", () => {
    const starts = [
      new Prng(9),
      new Prng(9).stream("disk"),
      new Prng(9).stream("net"),
      new Prng(9).stream(""),
      new Prng(10).stream("disk"),
      new Prng(9 + 2 ** 32).stream("disk"),
      new Prng(9).stream("disk").stream("disk"),
      new Prng(9).stream("disk").stream("net"),
      new Prng(9).stream("net").stream("disk"),
      new Prng(9).stream("disknet"),
    ].map((random) => draw(random, 4).join());
    assert.equal(new Set(starts).size, starts.length);
  });
  test("do not follow each other: equal draws at equal places are as rare as chance", () => {
    const left = draw(new Prng(1).stream("a"), 2000).map((n) => n & 15);
    const right = draw(new Prng(1).stream("b"), 2000).map((n) => n & 15);
    const equal = left.filter((n, i) => n === right[i]).length;
    assert.ok(equal > 60 && equal < 200, `${equal} of 2000, expected about 125`);
  });
});

test("property: integer stays in its range, fraction in [0, 1)", () => {
  const range = fc.tuple(fc.integer(), fc.integer({ min: 1, max: 2 ** 31 }), fc.maxSafeInteger());
  check(
    fc.property(range, ([low, size, seed]) => {
      const random = new Prng(seed);
      const drawn = random.integer(low, low + size);
      assert.ok(Number.isSafeInteger(drawn) && drawn >= low && drawn < low + size);
      const fraction = random.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
    }),
  );
});

test("every value of a small range is drawn about equally often", () => {
  const random = new Prng(3);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 20_000; i++) {
    const drawn = random.integer(5, 15) - 5;
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  // 2,000 each; six standard deviations are 255. The seed is fixed, so this is a fact, not a chance.
  assert.ok(
    counts.every((count) => Math.abs(count - 2000) < 255),
    counts.join(),
  );
});

test("every one of the 32 bits is drawn as often as not", () => {
  const random = new Prng(4);
  const ones = new Array<number>(32).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const drawn = random.uint32();
    for (let bit = 0; bit < 32; bit++) {
      ones[bit] = (ones[bit] ?? 0) + ((drawn >>> bit) & 1);
    }
  }
  assert.ok(
    ones.every((count) => Math.abs(count - 5000) < 300),
    ones.join(),
  );
});

test("chance is never at 0, always at 1, about half at one half", () => {
  const random = new Prng(5);
  const hits = (probability: number): number =>
    Array.from({ length: 2000 }, () => random.chance(probability)).filter((hit) => hit).length;
  assert.equal(hits(0), 0);
  assert.equal(hits(1), 2000);
  assert.ok(Math.abs(hits(0.5) - 1000) < 135);
});

test("pick returns each element, and refuses an empty list", () => {
  const random = new Prng(6);
  assert.equal(new Set(Array.from({ length: 100 }, () => random.pick(["a", "b", "c"]))).size, 3);
  assert.throws(() => random.pick([]), { name: "InvariantViolation" });
});

test("an empty range and an unsafe seed are bugs", () => {
  assert.throws(() => new Prng(1).integer(3, 3), { name: "InvariantViolation" });
  assert.throws(() => new Prng(1).integer(4, 3), { name: "InvariantViolation" });
  for (const seed of [0.5, Number.NaN, 2 ** 53, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => new Prng(seed), { name: "InvariantViolation" }, String(seed));
  }
});
