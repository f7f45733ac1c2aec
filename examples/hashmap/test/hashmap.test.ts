/** The map as real processes: the checklist, dead and stopped members, and everything that can be typed wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freePorts, jsonMachineSuite } from "@quorate/raft-node/testing";
import { Servers } from "../../service/testing.ts";
import { runExample } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";
import { type Command, type Found, HashMap } from "../hashmap.ts";

jsonMachineSuite<Command, Found | boolean>(test, {
  create: () => new HashMap(),
  commands: [
    { type: "put", key: "a", value: 1 },
    { type: "cas", key: "a", expected: 1, value: { b: [null] } },
    { type: "put", key: "b", value: null },
    { type: "cas", key: "a", expected: { b: [null] }, value: 2 },
  ],
});

/** What a client prints. */
async function hashmap(...args: readonly string[]): Promise<string> {
  const { code, output } = await runExample("hashmap/main.ts", args);
  assert.equal(code, 0, output);
  return output;
}

test("two members: put, get and cas through any address", async (t) => {
  await using servers = new Servers("hashmap", await freePorts(2));
  await servers.start(1);
  await servers.start(2);
  const [one = "", two = ""] = servers.members;
  const printed: string[] = [];
  const type = async (...args: readonly string[]): Promise<string> => {
    const output = await hashmap(...args);
    printed.push(`$ hashmap ${args.join(" ")}`, output.trimEnd());
    return output;
  };
  assert.equal(await type("put", "k", '{"a":[1,null]}', one), "null\n", "nothing was there before");
  assert.equal(await type("put", "other", "1", two), "null\n");
  for (const address of [one, two]) {
    assert.equal(await type("get", "k", address), '{"a":[1,null]}\n');
  }
  assert.equal(await type("cas", "k", '{"a":[1]}', "2", one), "false\n");
  assert.equal(await type("cas", "k", '{"a":[1,null]}', "2", two), "true\n");
  assert.equal(await type("get", "k", one, two), "2\n");
  assert.equal(
    await type("cas", "missing", "1", "2", one),
    "false\n",
    "a key that is not there is no mistake",
  );
  assert.equal(await type("cas", "missing", "null", "2", two), "false\n", "and has no value, not even null");
  const missing = await runExample("hashmap/main.ts", ["get", "missing", one]);
  assert.deepEqual(missing, { code: 1, output: "hashmap: no key missing\n" });
  recordRun({
    item: "S2.2",
    command: `npm run example:hashmap -- server 1 ${servers.list.join(" ")}   # and the same with server 2`,
    output: printed.join("\n"),
    test: t,
  });
});

test("three members: the client passes over one that is dead and one that is stopped", async (t) => {
  await using servers = new Servers("hashmap", await freePorts(3));
  for (const id of [1, 2, 3]) {
    await servers.start(id);
  }
  await servers.leader();
  await hashmap("put", "k", '"before"', ...servers.members);
  const dead = await servers.leader();
  await servers.stop(dead, "SIGKILL");
  const ordered = [dead, ...[1, 2, 3].filter((id) => id !== dead)].map((id) => servers.members[id - 1] ?? "");
  const found = await hashmap("get", "k", ...ordered);
  assert.equal(found, '"before"\n', "the leader is dead, its name comes first, and nothing is lost");
  assert.equal(await hashmap("put", "k", '"after"', ...ordered), '"before"\n');
  recordRun({
    item: "S2.2",
    command: `npm run example:hashmap -- get k ${ordered.join(" ")}   # the first one was killed with -9`,
    output: found,
    test: t,
  });
  await servers.start(dead);
  const stopped = await servers.leader();
  const hanging = servers.pause(stopped);
  const withStopped = [stopped, ...[1, 2, 3].filter((id) => id !== stopped)];
  const output = await hashmap("get", "k", ...withStopped.map((id) => servers.members[id - 1] ?? ""));
  assert.equal(output, '"after"\n', "a leader that hangs is passed over, too");
  hanging.signal("SIGCONT");
});

test("what is typed wrong is one line and exit code 2", async () => {
  const address = "127.0.0.1:1";
  for (const [args, message] of [
    [["put", "k", "{bad", address], /\{bad is not JSON/],
    [["put", "k", "text", address], /text is not JSON/],
    [["cas", "k", "1"], /cas needs/],
    [["get"], /get needs a key/],
    [["delete", "k", address], /"delete" is no command/],
  ] as const) {
    const { code, output } = await runExample("hashmap/main.ts", args);
    assert.match(output, message);
    assert.equal(code, 2, output);
    assert.equal(output.trimEnd().split("\n").length, 1, output);
  }
});
