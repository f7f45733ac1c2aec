/** Switches by name: what is on, what has no effect and is said so, what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { featureGates, gatesKind } from "../../src/config/feature-gates.ts";
import { resolveConfig } from "../../src/config/resolve.ts";

const resolve = (text: string) => resolveConfig({ argv: [`--feature-gates=${text}`], environment: {} });
const on = (text: string) => resolve(text).config.featureGates;

test("on, off, and the last counts", () => {
  assert.deepEqual(on("LeaseCheckpoint=true"), ["FastLeaseKeepAlive", "LeaseCheckpoint"]);
  assert.deepEqual(on("LeaseCheckpoint=true,LeaseCheckpoint=false"), ["FastLeaseKeepAlive"]);
  const persists = " LeaseCheckpoint=true , FastLeaseKeepAlive=false,LeaseCheckpointPersist=true";
  assert.deepEqual(on(persists), ["LeaseCheckpoint"]);
  assert.deepEqual(on(""), ["FastLeaseKeepAlive"]);
  assert.deepEqual(resolveConfig({ argv: [], environment: {} }).config.featureGates, on(""));
});

test("what is written of them is read back", () => {
  for (const text of [
    "",
    "FastLeaseKeepAlive=false",
    "LeaseCheckpoint=true",
    "AllAlpha=true,AllBeta=false",
  ]) {
    assert.deepEqual(on(gatesKind.format(on(text))), on(text), text);
  }
});

test("all of a stage at once, but for those that are named", () => {
  assert.ok(on("AllAlpha=true").includes("LeaseCheckpoint"));
  assert.ok(!on("AllAlpha=true,LeaseCheckpoint=false").includes("LeaseCheckpoint"));
  assert.deepEqual(on("AllBeta=false"), []);
});

test("what cannot be served, or is no switch, is refused by name", () => {
  const refused = featureGates.find((gate) => gate.fate === "refused");
  assert.ok(refused !== undefined);
  assert.throws(() => on(`${refused.name}=true`), new RegExp(`${refused.name} cannot be switched on: `));
  assert.deepEqual(on(`${refused.name}=false`), on(""));
  assert.throws(() => on("Nonsense=true"), /"Nonsense=true" is no switch of etcd's/);
  assert.throws(() => on("LeaseCheckpoint"), /is no switch/);
  assert.throws(() => on("LeaseCheckpoint=maybe"), /needs true or false/);
  assert.throws(() => on("LeaseCheckpointPersist=true"), /requires LeaseCheckpoint/);
});

test("a switch without effect is noted once when it is moved", () => {
  const { warnings } = resolve("StopGRPCServiceOnDefrag=true,FastLeaseKeepAlive=true");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /StopGRPCServiceOnDefrag has no effect: /);
});

test("old flags are switches, too", () => {
  const { config, warnings } = resolveConfig({
    argv: ["--experimental-enable-lease-checkpoint"],
    environment: { ETCD_EXPERIMENTAL_STOP_GRPC_SERVICE_ON_DEFRAG: "true" },
  });
  assert.deepEqual(config.featureGates, ["FastLeaseKeepAlive", "LeaseCheckpoint"]);
  assert.equal(warnings.filter((line) => line.includes("is the old form of --feature-gates=")).length, 2);
});

test("each switch of etcd 3.7 has a row, with etcd's default", () => {
  const listed = readFileSync(join(import.meta.dirname, "../golden/etcd-3.7.3-gates.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const rows = featureGates.map(({ name, stage, etcdDefault }) => `${name} ${stage} ${etcdDefault}`);
  assert.deepEqual(rows.toSorted(), listed.toSorted());
});
