/** Clients never take the descriptors that the log and the peers need. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { affordableConnections } from "../../src/process/descriptor-limit.ts";

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                 4096                 files\n`;

test("as many as wanted, or as the system affords after what is kept back", () => {
  assert.equal(affordableConnections(4096, limits("20000")), 4096);
  assert.equal(affordableConnections(4096, limits("1024")), 874);
  assert.equal(affordableConnections(4096, limits("100")), 1);
  assert.equal(affordableConnections(4096, limits("unlimited")), 4096);
  assert.equal(affordableConnections(4096, null), 4096);
  assert.ok(affordableConnections(4096) > 0);
});
