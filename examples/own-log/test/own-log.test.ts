/** The log of 60 lines: the contract, crashes, damage, and a node that runs on it. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Entry, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { storageSuite, suiteVoters } from "@quorate/raft/testing";
import { runExample } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";
import { openStorage } from "../main.ts";
import { OwnLog } from "../own-log.ts";

function folder(): string {
  return mkdtempSync(join(tmpdir(), "quorate-own-log-"));
}

function entries(first: number, last: number, term = 1): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    index: toLogIndex(first + i),
    term: toTerm(term),
    type: "normal" as const,
    data: Uint8Array.of(i),
  }));
}

function indexes(log: OwnLog): number[] {
  return log.read().map(({ index }) => index);
}

storageSuite(test, async () => {
  const dataDir = folder();
  return {
    open: async () =>
      openStorage({
        dataDir,
        id: toNodeId(1),
        clusterId: 1,
        voters: suiteVoters,
        application: new Uint8Array(0),
      }),
    dispose: async () => rmSync(dataDir, { recursive: true }),
  };
});

test("the example has at most 60 lines", () => {
  const text = readFileSync(new URL("../own-log.ts", import.meta.url), "utf8");
  assert.ok(text.trimEnd().split("\n").length <= 60);
});

test("wherever a crash cuts the last batch, it is gone whole, and the log goes on behind the others", () => {
  const dataDir = folder();
  const path = join(dataDir, "log");
  const log = new OwnLog(path);
  log.append(entries(1, 2));
  const whole = readFileSync(path);
  log.append(entries(3, 5));
  const longer = readFileSync(path);
  for (let length = whole.length; length < longer.length; length++) {
    writeFileSync(path, longer.subarray(0, length));
    const again = new OwnLog(path);
    assert.deepEqual(indexes(again), [1, 2]);
    again.append(entries(3, 3, 2));
    assert.deepEqual(indexes(new OwnLog(path)), [1, 2, 3]);
  }
  rmSync(dataDir, { recursive: true });
});

test("a damaged line before the last one is told, and nothing is lost by it", () => {
  const dataDir = folder();
  const path = join(dataDir, "log");
  const log = new OwnLog(path);
  log.append(entries(1, 2));
  log.append(entries(3, 3));
  const damaged = readFileSync(path);
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  writeFileSync(path, damaged);
  assert.throws(() => new OwnLog(path).read(), /line 1 is damaged/);
  assert.deepEqual(readFileSync(path), damaged);
  rmSync(dataDir, { recursive: true });
});

test("a node keeps on this log what it acknowledged, over restarts and a torn end", async (t) => {
  const dataDir = folder();
  assert.deepEqual(await runExample("own-log/main.ts", [dataDir, "one", "two"]), {
    code: 0,
    output: "one\ntwo\n",
  });
  appendFileSync(join(dataDir, "own-log.txt"), "123 [{");
  assert.deepEqual(await runExample("own-log/main.ts", [dataDir, "three"]), {
    code: 0,
    output: "one\ntwo\nthree\n",
  });
  recordRun({
    item: "S2.4",
    command: "npm run example:own-log -- DATA_DIR one two; npm run example:own-log -- DATA_DIR three",
    output: "one\ntwo\nthree",
    test: t,
  });
  rmSync(dataDir, { recursive: true });
});

test("garbage in the data folder and a missing argument are one clear line", async () => {
  const dataDir = folder();
  await runExample("own-log/main.ts", [dataDir, "one"]);
  const path = join(dataDir, "own-log.txt");
  writeFileSync(path, `garbage\n${readFileSync(path, "utf8")}`);
  const damaged = await runExample("own-log/main.ts", [dataDir]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.output, /^own-log: .*line 1 is damaged\n$/);
  assert.deepEqual(await runExample("own-log/main.ts"), {
    code: 2,
    output: "usage: own-log DATA_DIR COMMAND…\n",
  });
  rmSync(dataDir, { recursive: true });
});
