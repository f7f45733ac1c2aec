/** Three members before an oracle: what the tests of its checkers begin with. */
import assert from "node:assert/strict";
import { type NodeId, toNodeId } from "@quorate/raft";
import { Oracle } from "../../src/checkers/oracle.ts";
import { type CheckerName, Violation } from "../../src/violation.ts";
import { batch, entry, hardState, view } from "./build.ts";

export const one: NodeId = toNodeId(1);
export const two: NodeId = toNodeId(2);
export const three: NodeId = toNodeId(3);
export const all: readonly NodeId[] = [one, two, three];

/** The act breaks the promise that this checker holds up. */
export function fires(checker: CheckerName, act: () => void): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof Violation, `expected a violation, got ${String(error)}`);
    assert.equal(error.checker, checker, error.message);
    return true;
  });
}

/** Three members that have just started. */
export function fresh(): Oracle {
  const oracle = new Oracle(all);
  for (const node of all) {
    oracle.recovered(node, view([]), hardState(0, 0, 0));
  }
  return oracle;
}

/** Entries 1..count of `term`, durable on the given members. */
export function replicated(oracle: Oracle, nodes: readonly NodeId[], count: number, term: number): void {
  const entries = Array.from({ length: count }, (_, i) => entry(i + 1, term));
  for (const node of nodes) {
    oracle.writing(node, batch(entries, hardState(term, 1, count)));
    oracle.written(node);
  }
}
