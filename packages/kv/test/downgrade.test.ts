/** A downgrade as part of the replicated state: one at a time, and in the image. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { DecodeError } from "@quorate/base";
import { KvStateMachine } from "@quorate/kv";
import { Driver, put, readImage, restored } from "./support/requests.ts";

const goldenFile = new URL("golden/image-downgrade.hex", import.meta.url);

function downgrading(): Driver {
  const driver = new Driver();
  driver.apply(put("k", "v"));
  driver.apply({ type: "alarm", action: "activate", memberId: 9, alarm: "corrupt" });
  assert.equal(driver.machine.downgradeTarget, null);
  driver.apply({ type: "downgrade", targetVersion: "3.6.0" });
  return driver;
}

test("one downgrade at a time; its end is no error when there is none, and neither takes a revision", () => {
  const driver = downgrading();
  assert.equal(driver.machine.downgradeTarget, "3.6.0");
  assert.deepEqual(driver.apply({ type: "downgrade", targetVersion: "3.5.0" }), {
    type: "refused",
    code: "KV_DOWNGRADE_IN_PROCESS",
  });
  assert.equal(driver.machine.downgradeTarget, "3.6.0");
  for (const round of [1, 2]) {
    const ended = driver.apply({ type: "downgrade", targetVersion: null });
    assert.deepEqual(ended, { type: "downgrade", revision: 2 }, `round ${round}`);
    assert.equal(driver.machine.downgradeTarget, null);
  }
});

test("the image of a downgrade is the golden one, and restores to it; another cluster begins without", () => {
  const image = readImage(downgrading().machine, 1 << 20);
  const hex = Buffer.from(image).toString("hex");
  if (process.env["QUORATE_UPDATE_GOLDEN"] === "1") {
    writeFileSync(goldenFile, `${hex}\n`);
  }
  assert.equal(hex, readFileSync(goldenFile, "utf8").trim());
  const copy = restored(image);
  assert.equal(copy.downgradeTarget, "3.6.0");
  assert.equal(copy.alarms().length, 1);
  copy.beginAnew(0);
  assert.equal(copy.downgradeTarget, null);
  for (let length = 0; length < image.length; length++) {
    const restore = new KvStateMachine().restore();
    assert.throws(() => {
      restore.write(image.subarray(0, length));
      restore.finish();
    }, DecodeError);
  }
});
