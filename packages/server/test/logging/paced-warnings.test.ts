/** Lines that strangers cause: so many a second, and a count of the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PacedWarnings } from "../../src/logging/paced-warnings.ts";

test("so many a second of each kind; the next line says how many were left out", () => {
  const lines: string[] = [];
  let nowMs = 5000;
  const logger = {
    warn: (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      lines.push(`${message} ${JSON.stringify(fields)}`);
    },
  };
  const paced = new PacedWarnings(logger, () => nowMs, 2);
  for (let i = 0; i < 1000; i++) {
    paced.warn("refused", { i });
  }
  paced.warn("other");
  assert.deepEqual(lines.splice(0), ['refused {"i":0}', 'refused {"i":1}', "other {}"]);
  nowMs += 999;
  paced.warn("refused");
  assert.deepEqual(lines.splice(0), []);
  nowMs += 1;
  paced.warn("refused", { i: 1001 });
  paced.warn("refused");
  paced.warn("refused");
  assert.deepEqual(lines.splice(0), ['refused {"i":1001,"left-out":999}', "refused {}"]);
  nowMs += 60_000;
  paced.warn("refused");
  assert.deepEqual(lines, ['refused {"left-out":1}']);
});
