/** Alarms as part of the replicated state: in the image, and the same for every member. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { Driver, put, readImage, restored } from "./support/requests.ts";

const goldenFile = new URL("golden/image-alarms.hex", import.meta.url);

function alarmed(): Driver {
  const driver = new Driver();
  driver.apply(put("k", "v"));
  for (const [memberId, alarm] of [
    [9, "corrupt"],
    [2 ** 53 - 1, "no-space"],
    [4, "no-space"],
  ] as const) {
    driver.apply({ type: "alarm", action: "activate", memberId, alarm });
  }
  return driver;
}

test("the image with alarms is the golden one, and restores to them", () => {
  const image = readImage(alarmed().machine, 1 << 20);
  const hex = Buffer.from(image).toString("hex");
  if (process.env["QUORATE_UPDATE_GOLDEN"] === "1") {
    writeFileSync(goldenFile, `${hex}\n`);
  }
  assert.equal(hex, readFileSync(goldenFile, "utf8").trim());
  assert.deepEqual(restored(image).alarms(), [
    { memberId: 4, alarm: "no-space" },
    { memberId: 2 ** 53 - 1, alarm: "no-space" },
    { memberId: 9, alarm: "corrupt" },
  ]);
});

test("an expiry goes on while the state is not trusted, a client's revocation does not", () => {
  const driver = alarmed();
  driver.apply({ type: "alarm", action: "deactivate", memberId: 9, alarm: "corrupt" });
  driver.apply({ type: "alarm", action: "deactivate", memberId: 4, alarm: "no-space" });
  driver.apply({ type: "alarm", action: "deactivate", memberId: 2 ** 53 - 1, alarm: "no-space" });
  assert.deepEqual(driver.machine.alarms(), []);
  driver.apply({ type: "lease-grant", id: 7n, ttlSeconds: 5 });
  driver.apply({ type: "alarm", action: "activate", memberId: 9, alarm: "corrupt" });
  const revoke = (fenceTerm: number) => driver.apply({ type: "lease-revoke", id: 7n, fenceTerm });
  assert.deepEqual(revoke(0), { type: "refused", code: "KV_CORRUPT" });
  assert.equal((revoke(1) as { type: string }).type, "lease-revoke");
});
