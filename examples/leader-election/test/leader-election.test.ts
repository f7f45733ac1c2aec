/** Three instances as real processes: one leader, and another one when it is gone. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { ExampleProcess, eventually, runExample } from "../../support/processes.ts";

test("one leads, the others follow; killed or stopped, another one leads in a later term", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-election-"));
  const addresses = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const start = (id: number): ExampleProcess =>
    new ExampleProcess("leader-election/main.ts", [String(id), ...addresses], {
      DATA_DIR: join(folder, String(id)),
    });
  const running = new Map([1, 2, 3].map((id) => [id, start(id)]));
  const lastTerm = (output: string): number => Number(/.*leads in term (\d+)/s.exec(output)?.[1] ?? 0);
  const leaderAfter = async (term: number): Promise<number> => {
    let found = 0;
    await eventually("a leader of a later term", () => {
      found = [...running].find(([, { output }]) => lastTerm(output) > term)?.[0] ?? 0;
      return found > 0;
    });
    return found;
  };
  try {
    let term = 0;
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const leader = await leaderAfter(term);
      const process = running.get(leader);
      term = lastTerm(process?.output ?? "");
      running.delete(leader);
      assert.equal(await process?.stop(signal), signal === "SIGINT" ? 0 : 128);
      await leaderAfter(term);
      running.set(leader, start(leader));
    }
    const leaders = [...running.values()].flatMap(({ output }) => output.match(/leads in term \d+/g) ?? []);
    assert.equal(new Set(leaders).size, leaders.length, "never two leaders in one term");
  } finally {
    await Promise.all([...running.values()].map((one) => one.stop("SIGKILL")));
    rmSync(folder, { recursive: true, force: true });
  }
});

test("what is typed wrong is one line and exit code 2", async () => {
  for (const args of [
    [],
    ["0", "127.0.0.1:1"],
    ["2", "127.0.0.1:1"],
    ["x", "127.0.0.1:1"],
    ["1", "127.0.0.1:1", "127.0.0.1:1"],
  ]) {
    const { code, output } = await runExample("leader-election/main.ts", args, { ID: "", PEERS: "" });
    assert.equal(code, 2);
    assert.match(output, /^usage: .*\n$/);
  }
});
