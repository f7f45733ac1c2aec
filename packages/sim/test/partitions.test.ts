import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { toNodeId } from "@quorate/raft";
import type { DirectedLink } from "../src/network.ts";
import { anyGraph, bridge, ring, shuffled } from "../src/partitions.ts";

const five = [1, 2, 3, 4, 5].map(toNodeId);

/** Pairs that still reach each other both ways, as text. */
function joined(cut: readonly DirectedLink[]): string[] {
  const isCut = (from: number, to: number): boolean =>
    cut.some((link) => link.from === from && link.to === to);
  return five.flatMap((from) =>
    five.filter((to) => from < to && !isCut(from, to) && !isCut(to, from)).map((to) => `${from}${to}`),
  );
}

test("in a ring each member reaches its two neighbours", () => {
  assert.deepEqual(joined(ring(five)), ["12", "15", "23", "34", "45"]);
});

test("over a bridge one member reaches both halves, and they do not reach each other", () => {
  assert.deepEqual(joined(bridge(five)), ["12", "13", "14", "15", "23", "45"].sort());
});

test("by chance some links go in one direction only", () => {
  const random = new Prng(3);
  const cut = anyGraph(five, random);
  assert.ok(cut.length > 0 && cut.length < 20, `${cut.length} links`);
  const oneWay = cut.filter(({ from, to }) => !cut.some((link) => link.from === to && link.to === from));
  assert.ok(oneWay.length > 0);
  assert.deepEqual([...shuffled(five, random)].sort(), five);
});
