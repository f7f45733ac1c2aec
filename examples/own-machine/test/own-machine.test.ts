/** The machine of 60 lines: the contract, its own rules, and a node that runs on it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { jsonMachineSuite } from "@quorate/raft-node/testing";
import { runExample } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";
import { Bank, type Command, type Result } from "../own-machine.ts";

jsonMachineSuite<Command, Result>(test, {
  create: () => new Bank(),
  commands: [
    { type: "deposit", account: "ann", amount: 10 },
    { type: "transfer", from: "ann", to: "bob", amount: 4 },
    { type: "deposit", account: "bob", amount: 1 },
    { type: "transfer", from: "bob", to: "ann", amount: 5 },
  ],
});

test("the example has at most 60 lines", () => {
  const text = readFileSync(new URL("../own-machine.ts", import.meta.url), "utf8");
  assert.ok(text.trimEnd().split("\n").length <= 60);
});

test("what cannot be done changes nothing, and says why", () => {
  const bank = new Bank();
  bank.apply({ type: "deposit", account: "ann", amount: 3 });
  const before = bank.snapshot();
  for (const command of [
    { type: "transfer", from: "ann", to: "bob", amount: 4 },
    { type: "transfer", from: "nobody", to: "ann", amount: 1 },
    { type: "deposit", account: "ann", amount: -3 },
    { type: "deposit", account: "ann", amount: 0.5 },
    { type: "deposit", account: "ann", amount: Number.NaN },
  ] as const) {
    assert.equal(bank.apply(command).ok, false);
  }
  assert.deepEqual(bank.snapshot(), before);
});

test("balances outlive the process, across snapshots", async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-bank-"));
  const lines: string[] = [];
  const type = async (...words: string[]): Promise<string> => {
    const { output } = await runExample("own-machine/main.ts", [dataDir, ...words]);
    lines.push(`$ ${words.join(" ")}`, output.trimEnd());
    return output;
  };
  assert.equal(await type("deposit", "ann", "10"), "10\n");
  assert.equal(await type("transfer", "ann", "bob", "4"), "4\n");
  assert.equal(await type("transfer", "ann", "bob", "40"), "refused: ann has less than 40\n");
  assert.equal(await type("deposit", "bob", "1"), "5\n");
  assert.equal(await type("balance", "bob"), "5\n");
  assert.equal(await type("balance", "ann"), "6\n");
  recordRun({
    item: "S2.4",
    command: "npm run example:own-machine -- DATA_DIR deposit ann 10   # and so on",
    output: lines.join("\n"),
    test: t,
  });
  rmSync(dataDir, { recursive: true });
});

test("nonsense is one line and exit code 2", async () => {
  for (const args of [[], ["x"], ["x", "deposit"], ["x", "steal", "ann"]]) {
    const { code, output } = await runExample("own-machine/main.ts", args);
    assert.equal(code, 2);
    assert.match(output, /^usage: .*\n$/);
  }
});
