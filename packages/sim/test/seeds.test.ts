import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FaultCount,
  type FaultKind,
  faultKinds,
  OperationCount,
  operationKinds,
  profiles,
  type SeedReport,
  simulate,
} from "@quorate/sim";

const seedCount = 200;
const groupCount = 10;

/** What 200 seeds must have met at least once: a kind that never fires tests nothing. */
const mustFire: readonly FaultKind[] = faultKinds;

const faults = new FaultCount();
const clients = new OperationCount();
const totals = { leaders: 0, applied: 0, snapshots: 0, unknown: 0, refused: 0 };

function note(report: SeedReport): void {
  faults.merge(report.faults);
  clients.merge(report.clients);
  totals.leaders += report.leaderCount;
  totals.applied += report.operations.applied;
  totals.unknown += report.operations.unknown;
  totals.refused += report.operations.refused;
  totals.snapshots += report.snapshotCount;
}

for (let group = 0; group < groupCount; group++) {
  const perGroup = seedCount / groupCount;
  const from = 1 + group * perGroup;
  test(`seeds ${from} to ${from + perGroup - 1} break no promise`, () => {
    for (let seed = from; seed < from + perGroup; seed++) {
      const report = simulate(seed, { adapt: profiles.storm.adapt });
      const { violation } = report;
      assert.equal(
        violation,
        null,
        `seed ${seed}: ${violation?.stack}\nreplay: npm run sim -- --seed ${seed} --profile storm`,
      );
      note(report);
    }
  });
}

test("every kind of fault happened, and the clusters did real work among them", () => {
  for (const kind of mustFire) {
    assert.ok(faults.get(kind) > 0, `${kind} never happened in ${seedCount} seeds`);
  }
  for (const kind of operationKinds) {
    assert.ok(clients.get(kind) > 0, `clients of the API never did '${kind}' in ${seedCount} seeds`);
  }
  assert.ok(totals.leaders > 2 * seedCount, `only ${totals.leaders} leaders`);
  assert.ok(totals.applied > 50 * seedCount, `only ${totals.applied} operations applied`);
  assert.ok(totals.snapshots > seedCount, `only ${totals.snapshots} snapshots`);
  assert.ok(totals.refused > 0 && totals.unknown > 0, "every outcome of an operation occurs");
});
