import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { runScript } from "./run-script.ts";

const folder = new URL("./scripts/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".txt"));

test("the schedules are all there", () => {
  assert.ok(files.length >= 247, `only ${files.length} scripts`);
});

for (const file of files) {
  test(`${file}: does what etcd-io/raft does, message by message`, () => {
    assert.equal(runScript(readFileSync(new URL(file, folder), "utf8")), null);
  });
}

test("the runner notices a difference", () => {
  const script = "add-nodes 1 voters=(1) index=2\n----\nok\n\ncampaign 1\n----\nnot ok\n";
  assert.deepEqual(runScript(script), { command: 2, name: "campaign", expected: "not ok", got: "ok" });
});
