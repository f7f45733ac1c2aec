/** Frames at random: see fuzz.ts. A longer run: cli/fuzz-http2.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode } from "../../src/http2/protocol.ts";
import { fuzz } from "./fuzz.ts";

test("100,000 frames: no crash, no leak, no byte beyond a window", async () => {
  const totals = await fuzz(1, 100_000);
  assert.ok(totals.frames >= 100_000);
  // The run is worth something only when it gets into all corners.
  assert.ok(totals.answers > 10_000, `${totals.answers} answers`);
  for (const code of [errorCode.protocolError, errorCode.streamClosed, errorCode.compressionError, -1]) {
    assert.ok((totals.endings.get(code) ?? 0) > 5, `ended by ${code}: ${totals.endings.get(code) ?? 0}`);
  }
});
