import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { delimiter } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { profiles, simulate } from "@quorate/sim";

const { adapt } = profiles.short;
const seeds = [1, 2, 3, 4, 5];

test("one seed is one run: the same trace, line by line, whenever it is played", () => {
  for (const seed of seeds) {
    const lines: string[] = [];
    const first = simulate(seed, { adapt, sink: (at, text) => lines.push(`${at} ${text}`) });
    let place = 0;
    const second = simulate(seed, {
      adapt,
      sink: (at, text) => {
        // Compared at once, so that a failure names the first line that differs.
        assert.equal(`${at} ${text}`, lines[place], `seed ${seed}, line ${place}`);
        place++;
      },
      protocol: () => {},
    });
    assert.equal(place, lines.length);
    assert.equal(second.traceHash, first.traceHash);
    assert.equal(second.eventCount, first.eventCount);
    assert.ok(lines.length > 100, `seed ${seed} has only ${lines.length} lines`);
    assert.equal(simulate(seed, { adapt }).traceHash, first.traceHash, "watching changes nothing");
  }
});

test("different seeds are different runs", () => {
  const hashes = new Set(seeds.map((seed) => simulate(seed, { adapt }).traceHash));
  assert.equal(hashes.size, seeds.length);
});

/** Puts something that throws in the place of every clock, timer and source of chance, for as long as `work` runs. */
function withoutHost(work: () => void): void {
  const banned = (name: string) => (): never => {
    throw new Error(`the simulated world asks the host for ${name}`);
  };
  const places: readonly (readonly [object, string])[] = [
    [globalThis, "Date"],
    [globalThis, "setTimeout"],
    [globalThis, "setInterval"],
    [globalThis, "setImmediate"],
    [globalThis, "queueMicrotask"],
    [globalThis, "fetch"],
    [Math, "random"],
    [performance, "now"],
    [crypto, "getRandomValues"],
    [crypto, "randomUUID"],
    [process, "nextTick"],
    [process, "hrtime"],
    [Promise.prototype, "then"],
  ];
  const before = places.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  try {
    for (const [owner, name] of places) {
      Object.defineProperty(owner, name, { value: banned(name), configurable: true, writable: true });
    }
    work();
  } finally {
    for (const [i, [owner, name]] of places.entries()) {
      const descriptor = before[i];
      if (descriptor === undefined) {
        Reflect.deleteProperty(owner, name);
      } else {
        Object.defineProperty(owner, name, descriptor);
      }
    }
  }
}

test("nothing in the simulated world asks the host for time, timers or chance", () => {
  const expected = seeds.map((seed) => simulate(seed, { adapt }).traceHash);
  const found: string[] = [];
  withoutHost(() => {
    assert.throws(() => Math.random(), /asks the host for random/);
    found.push(...seeds.map((seed) => simulate(seed, { adapt }).traceHash));
  });
  assert.deepEqual(found, expected);
  assert.ok(Math.random() < 1);
});

const program = `
import { profiles, simulate } from "@quorate/sim";
for (const seed of [${seeds}]) console.log(simulate(seed, { adapt: profiles.short.adapt }).traceHash);
`;

/** The hashes of the seeds, by another process. */
function hashesBy(node: string, ...flags: readonly string[]): readonly string[] {
  const args = [...flags, "--conditions=source", "--no-warnings", "--input-type=module", "--eval", program];
  const { status, stderr, stdout } = spawnSync(node, args, { cwd: import.meta.dirname, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split("\n");
}

test("another process, without its optimizing compilers, plays the same runs", () => {
  const expected = seeds.map((seed) => simulate(seed, { adapt }).traceHash);
  assert.deepEqual(hashesBy(process.execPath, "--no-opt", "--no-maglev", "--no-sparkplug"), expected);
});

/** Programs of other versions, as in a list of folders: no machine has them all. */
const others = (process.env["QUORATE_NODES"] ?? "").split(delimiter).filter((path) => path !== "");

test("every other version of Node plays the same runs", {
  skip:
    others.length === 0 &&
    "SKIPPED: QUORATE_NODES names no programs; for one: QUORATE_NODES=$(npm exec --yes --package=node@22 -- which node)",
}, () => {
  const expected = seeds.map((seed) => simulate(seed, { adapt }).traceHash);
  for (const node of others) {
    assert.deepEqual(hashesBy(node), expected, node);
  }
});
