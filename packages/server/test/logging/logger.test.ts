/** Log lines: the keys of etcd's JSON, the form for people, levels and outputs. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLogger, type LoggerOptions } from "../../src/logging/logger.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-log-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, options: Partial<LoggerOptions>): string[] {
  const path = join(folder, name);
  const logger = createLogger({ level: "info", format: "json", outputs: [path], ...options });
  logger.debug("a detail");
  logger.info("ready to serve client requests", { port: 2379 });
  logger.warn('a "strange" line\nbreak');
  logger.error("bad", { error: "because" });
  return readFileSync(path, "utf8").trimEnd().split("\n");
}

test("json lines have level, ts, the fields and msg", () => {
  const lines = write("json", {}).map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ ts: _ts, ...rest }) => rest),
    [
      { level: "info", port: 2379, msg: "ready to serve client requests" },
      { level: "warn", msg: 'a "strange" line\nbreak' },
      { level: "error", error: "because", msg: "bad" },
    ],
  );
  for (const { ts } of lines) {
    assert.match(String(ts), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
});

test("console lines are for people", () => {
  const [ready] = write("console", { format: "console" });
  assert.match(ready ?? "", /^\S+Z\tinfo\tready to serve client requests\t\{"port":2379\}$/);
});

test("the level decides what is written", () => {
  assert.equal(write("debug", { level: "debug" }).length, 4);
  assert.equal(write("error", { level: "error" }).length, 1);
  assert.deepEqual(write("panic", { level: "panic" }), [""]);
});

test("every output gets every line", () => {
  const second = join(folder, "second");
  const lines = write("first", { outputs: [join(folder, "first"), second] });
  assert.deepEqual(readFileSync(second, "utf8").trimEnd().split("\n"), lines);
});

test("a file that cannot be opened is said at once", () => {
  assert.throws(() => write("x/y", { outputs: [join(folder, "none", "log")] }), /ENOENT/);
});
