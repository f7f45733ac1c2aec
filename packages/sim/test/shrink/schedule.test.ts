import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "@quorate/base";
import {
  decodeSchedule,
  encodeSchedule,
  etcdPlanBase,
  playSchedule,
  profiles,
  type Schedule,
  scheduleOf,
  seedPlan,
  simulate,
} from "@quorate/sim";

function shortSchedule(seed: number): Schedule {
  return scheduleOf(seed, profiles.short.adapt(seedPlan(seed)));
}

test("a schedule in which everything happens is the seed's own run", () => {
  const report = playSchedule(shortSchedule(3));
  assert.equal(report.traceHash, simulate(3, { adapt: profiles.short.adapt }).traceHash);
});

test("a schedule comes back from its text, and is the same run", () => {
  const schedule: Schedule = {
    ...shortSchedule(3),
    random: 77,
    kept: { fault: [2, 3], change: [], operation: null, call: [1] },
    checker: "recovery",
  };
  const back = decodeSchedule(encodeSchedule(schedule));
  assert.deepEqual(back, schedule);
  assert.equal(playSchedule(back).traceHash, playSchedule(schedule).traceHash);
});

test("what is not kept does not happen; what is, does", () => {
  const everything = playSchedule(shortSchedule(2));
  assert.ok(everything.operations.total > 50 && everything.steps.fault > 1);
  const nothing = playSchedule({
    ...shortSchedule(2),
    kept: { fault: [], change: [], operation: [], call: [] },
  });
  // The probes of the heal phase are nobody's act.
  assert.ok(nothing.operations.total < 20, `${nothing.operations.total} operations`);
  assert.equal(
    nothing.faults.get("crash") + nothing.faults.get("partition") + nothing.faults.get("pause"),
    0,
  );
  assert.equal(nothing.violation, null);
});

test("a call to the API that is not kept reaches nobody, and what else clients do stays as it is", () => {
  const drawn = shortSchedule(2);
  const etcd = {
    ...etcdPlanBase,
    watcherCount: 0,
    leaseClientCount: 0,
    lockClientCount: 0,
    bankClientCount: 0,
  };
  const plan = { ...drawn.plan, etcd };
  const everything = playSchedule({ ...drawn, plan });
  assert.ok(everything.steps.call > 50 && everything.clients.get("put") > 0);
  const silent = playSchedule({ ...drawn, plan, kept: { ...drawn.kept, call: [] } });
  assert.ok(silent.steps.call > 0);
  assert.equal(silent.clients.get("put") + silent.clients.get("get") + silent.clients.get("range"), 0);
  assert.equal(silent.violation, null);
});

test("another root of chance is another run of the same plan", () => {
  const schedule = shortSchedule(3);
  const other = playSchedule({ ...schedule, random: 4 });
  assert.deepEqual(other.plan, schedule.plan);
  assert.notEqual(other.traceHash, playSchedule(schedule).traceHash);
});

test("a run ends where it may have no more events, without a verdict", () => {
  const report = playSchedule(shortSchedule(3), { eventCountMax: 100 });
  assert.equal(report.eventCount, 100);
  assert.equal(report.violation, null);
});

test("what is no schedule is refused, and says why", () => {
  const good = JSON.parse(encodeSchedule(shortSchedule(1)));
  const refused = (pattern: RegExp, text: string): void => {
    assert.throws(
      () => decodeSchedule(text),
      (error: unknown) => error instanceof DecodeError && pattern.test(error.message),
    );
  };
  refused(/not JSON/, "{");
  refused(/not an object/, "[]");
  refused(/another version/, JSON.stringify({ ...good, version: 2 }));
  refused(/'seed' is not a natural number/, JSON.stringify({ ...good, seed: -1 }));
  refused(/a plan has no 'speed'/, JSON.stringify({ ...good, plan: { speed: 1 } }));
  refused(/'kept' has no list/, JSON.stringify({ ...good, kept: { fault: null, change: null } }));
  refused(
    /'fault' is not a natural number/,
    JSON.stringify({ ...good, kept: { ...good.kept, fault: ["1"] } }),
  );
});

test("a schedule from before calls were steps lets all of them happen", () => {
  const { call: _, ...kept } = shortSchedule(1).kept;
  const older = JSON.stringify({ ...shortSchedule(1), kept });
  assert.equal(decodeSchedule(older).kept.call, null);
});

test("an older schedule gets what newer plans have from its seed", () => {
  const { plan, ...rest } = JSON.parse(encodeSchedule(shortSchedule(5)));
  const { calmPhaseMs, ...older } = plan;
  assert.equal(calmPhaseMs, 0);
  assert.equal(
    decodeSchedule(JSON.stringify({ ...rest, plan: older })).plan.calmPhaseMs,
    seedPlan(5).calmPhaseMs,
  );
});
