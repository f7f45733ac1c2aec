/**
 * `packages/sim/corpus`: seeds and schedules that found something once, also with a planted mistake. Each is played again and must keep
 * every promise now. Another commit makes other use of the same chance; what stays is the plan, and the kind of trouble in it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  decodeSchedule,
  type ProfileName,
  playSchedule,
  profileNames,
  profiles,
  type Schedule,
  scheduleOf,
  seedPlan,
} from "@quorate/sim";

/** One file. */
interface Found {
  readonly found: string;
  readonly commit: string;
  readonly schedule: Schedule;
}

const folder = fileURLToPath(new URL("../corpus/", import.meta.url));

function read(name: string): Found {
  const { commit, found, profile, schedule, seed } = JSON.parse(readFileSync(`${folder}${name}`, "utf8"));
  assert.ok(typeof found === "string" && found.length > 10, `${name}: 'found' says what it found`);
  assert.match(String(commit), /^[0-9a-f]{7,40}$/, `${name}: 'commit' is where it was found`);
  if (schedule !== undefined) {
    return { found, commit, schedule: decodeSchedule(JSON.stringify(schedule)) };
  }
  assert.ok(profileNames.includes(profile), `${name}: no such profile`);
  const plan = profiles[profile as ProfileName].adapt(seedPlan(Number(seed)));
  return { found, commit, schedule: scheduleOf(Number(seed), plan) };
}

const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

for (const name of names) {
  const { found, schedule } = read(name);
  test(`${name}: ${found}`, () => {
    const { violation } = playSchedule(schedule);
    assert.equal(violation, null, violation?.stack ?? "");
  });
}

test("the corpus is there", () => {
  assert.ok(names.length >= 7, `${names.length} files in ${folder}`);
});
