/** The register as real processes: the checklist, a partition, and everything that can be typed wrong. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts, LinkProxy } from "@quorate/raft-node/testing";
import { clientAddresses, serverArguments } from "../../service/arguments.ts";
import { Servers } from "../../service/testing.ts";
import { ExampleProcess, runExample } from "../../support/processes.ts";
import { recordRun } from "../../support/record.ts";

/** What a client prints. */
async function register(...args: readonly string[]): Promise<string> {
  const { code, output } = await runExample("register/main.ts", args);
  assert.equal(code, 0, output);
  return output;
}

test("a single node: put, get and cas print the value and the one before", async (t) => {
  await using servers = new Servers("register", await freePorts(1));
  const server = await servers.start(1);
  const address = servers.members[0] ?? "";
  const printed: string[] = [];
  const type = async (...args: readonly string[]): Promise<string> => {
    const output = await register(...args, address);
    printed.push(`$ register ${args.join(" ")} ${address}`, output.trimEnd());
    return output;
  };
  assert.equal(await type("put", "hello"), "\n", "nothing was there before");
  assert.equal(await type("get"), "hello\n");
  assert.equal(await type("cas", "hello", "bye"), "hello\n");
  assert.equal(await type("get"), "bye\n");
  assert.equal(await type("cas", "hello", "again"), "bye\n", "what was expected is not there");
  assert.equal(await type("get"), "bye\n");
  recordRun({
    item: "S2.1",
    command: `npm run example:register -- server 1 1 ${address}`,
    output: `${server.output}${printed.join("\n")}`,
    test: t,
  });
  assert.equal(await servers.stop(1), 0, "Ctrl-C is an orderly end");
  await servers.start(1);
  assert.equal(await register("get", address), "bye\n", "the value outlives the process");
  assert.equal(await servers.stop(1, "SIGKILL"), 128);
  await servers.start(1);
  assert.equal(await register("get", address), "bye\n", "also one that is killed");
});

test("DEBUG=raft prints every transition and every message in one line each", async (t) => {
  await using servers = new Servers("register", await freePorts(2));
  const one = await servers.start(1, { DEBUG: "raft" });
  const two = await servers.start(2, { DEBUG: "raft" });
  await servers.leader();
  await register("put", "x", servers.members[0] ?? "");
  for (const expected of [
    /role leader/,
    /sent \d>\d request-vote/,
    /received \d>\d request-vote/,
    /received .* append-entries .*entries=\d+\/\d+/,
  ]) {
    await Promise.race([one.printed(expected), two.printed(expected)]);
  }
  const lines = `${one.output}${two.output}`.split("\n").filter((line) => line.includes(" raft "));
  const form =
    /^\S+Z raft [12] (role|leader|term|members|sent|received|refused|connected|disconnected|late-tick|peer-)/;
  assert.deepEqual(
    lines.filter((line) => !form.test(line)),
    [],
  );
  recordRun({
    item: "S2.3",
    command: `DEBUG=raft npm run example:register -- server 1 ${servers.list.join(" ")}`,
    output: one.output
      .split("\n")
      .filter((line) => /role|term|leader|vote|append/.test(line))
      .slice(0, 12)
      .join("\n"),
    test: t,
  });
});

test("S2 mistake: a partitioned old leader answers a query", async (t) => {
  const ports = await freePorts(6);
  await using servers = new Servers("register", ports.slice(0, 3));
  const peerPorts = ports.slice(3);
  // One link for each direction: what `from` believes to be the address of `to` is a proxy that can be cut.
  const links = new Map<string, LinkProxy>();
  await using _ended = {
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...links.values()].map((proxy) => proxy.close()));
    },
  };
  for (const from of [1, 2, 3]) {
    const list = [];
    for (const to of [1, 2, 3]) {
      const port = peerPorts[to - 1] ?? 0;
      if (from === to) {
        list.push(`${to} 127.0.0.1:${port}`);
        continue;
      }
      const proxy = new LinkProxy(() => ({ host: "127.0.0.1", port }));
      links.set(`${from}>${to}`, proxy);
      list.push(`${to} 127.0.0.1:${await proxy.listen()}`);
    }
    await servers.start(from, { PEERS: list.join(" ") });
  }
  const old = await servers.leader();
  const oldAddress = servers.members[old - 1] ?? "";
  const others = [1, 2, 3].filter((id) => id !== old);
  await register("put", "old", oldAddress);
  for (const [name, proxy] of links) {
    if (name.startsWith(`${old}>`) || name.endsWith(`>${old}`)) {
      proxy.cut();
    }
  }
  const asked = query(oldAddress);
  const next = await servers.leader(others, old);
  await register("put", "new", servers.members[next - 1] ?? "");
  const answers = [await asked, await query(oldAddress)];
  assert.ok(
    answers.every(({ status }) => status === 503),
    `the old leader answers nothing: ${JSON.stringify(answers)}`,
  );
  const found = await register("get", ...servers.members);
  assert.equal(found, "new\n", "a client that knows all three reads what the majority has agreed on");
  recordRun({
    item: "S2.2",
    command: `npm run example:register -- get ${servers.members.join(" ")}   # the first leader is cut off`,
    output: `POST ${oldAddress}/query: ${answers[0]?.status} ${answers[0]?.text.trim()}\n${found}`,
    test: t,
  });
  for (const proxy of links.values()) {
    proxy.mend();
  }
  await servers.leader([1, 2, 3]);
  assert.equal(await register("get", oldAddress), "new\n", "healed, it has what the others have");
});

async function query(address: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://${address}/query`, {
    headers: { connection: "close" },
    method: "POST",
    body: "null",
    redirect: "manual",
  });
  return { status: response.status, text: await response.text() };
}

test("the environment stands for what is not typed", async () => {
  const [port] = await freePorts(1);
  await using servers = new Servers("register", [port ?? 0]);
  const address = servers.members[0] ?? "";
  await using server = new ExampleProcess("register/main.ts", ["server"], {
    ID: "1",
    MEMBERS: `1=${address}`.replace("=", " "),
    DATA_DIR: join(servers.folder, "1"),
  });
  await server.printed(/serves on/);
  const { output } = await runExample("register/main.ts", ["put", "x"], { ADDRESSES: address });
  assert.equal(output, "\n");
});

test("what is typed wrong is named", () => {
  for (const [words, message] of [
    [[], /"" is not a member id/],
    [["0", "1", "127.0.0.1:1"], /"0" is not a member id/],
    [["1", "2", "127.0.0.1:1"], /member 1 is not in the list/],
    [["1"], /the list of members is id and address/],
    [["1", "1"], /the list of members is id and address/],
    [["1", "1", "nowhere"], /"nowhere" is not host:port/],
    [["1", "1", "127.0.0.1:99999"], /is not host:port/],
    [["1", "1", "127.0.0.1:65000"], /"127.0.0.1:66000" is not host:port/],
    [["1", "1", "127.0.0.1:1", "1", "127.0.0.1:2"], /member 1 is listed twice/],
    [["1", "1", "127.0.0.1:1", "2", "127.0.0.1:1"], /127.0.0.1:1 is listed twice/],
  ] as const) {
    assert.throws(() => serverArguments("register", words, {}), message);
  }
  assert.throws(() => clientAddresses([], {}), /no address/);
  assert.deepEqual(clientAddresses([], { ADDRESSES: "a:1, b:2" }), ["a:1", "b:2"]);
});

test("what is typed wrong is one line and exit code 2", async () => {
  for (const args of [["nonsense"], ["server", "1", "1", "nowhere"], ["put"]]) {
    const { code, output } = await runExample("register/main.ts", args, { ID: "", MEMBERS: "" });
    assert.equal(code, 2, output);
    assert.match(output, /^register: .* \(register server .*\)\n$/);
  }
});

test("a port in use, a list that contradicts the store, garbage in the folder: one line and exit code 1", async () => {
  const [port = 0, other = 0] = await freePorts(2);
  await using servers = new Servers("register", [port]);
  const env = { DATA_DIR: join(servers.folder, "1") };
  const start = (...list: readonly string[]) => runExample("register/main.ts", ["server", "1", ...list], env);
  await servers.start(1);
  await register("put", "kept", servers.members[0] ?? "");
  await servers.stop(1);

  const blocker = createServer().listen(port, "127.0.0.1");
  const taken = await start(...servers.list);
  blocker.close();
  const contradicting = await start(...servers.list, "2", `127.0.0.1:${other}`);
  for (const [outcome, message] of [
    [taken, /^register: .*EADDRINUSE/],
    [contradicting, /^register: .* is of a cluster with members 1, but the list names 1, 2$/m],
  ] as const) {
    assert.match(outcome.output, message);
    assert.equal(outcome.code, 1);
    assert.equal(outcome.output.trimEnd().split("\n").length, 1, outcome.output);
  }
  await servers.start(1);
  assert.equal(await register("get", servers.members[0] ?? ""), "kept\n", "nothing is lost by it");
  await servers.stop(1);

  const log = readdirSync(env.DATA_DIR, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const file of log) {
    writeFileSync(join(file.parentPath, file.name), "garbage");
  }
  const garbage = await start(...servers.list);
  assert.equal(garbage.code, 1, garbage.output);
  assert.equal(garbage.output.trimEnd().split("\n").length, 1, garbage.output);
});

test("a client that finds no leader says so", { timeout: 60_000 }, async () => {
  const [port = 0] = await freePorts(1);
  const { code, output } = await runExample("register/main.ts", ["get", `127.0.0.1:${port}`]);
  assert.equal(code, 1);
  assert.equal(output, `register: no leader found through 127.0.0.1:${port}\n`);
});

test("what is not a command never reaches the log", async () => {
  await using servers = new Servers("register", await freePorts(1));
  await servers.start(1);
  await servers.leader();
  const address = servers.members[0] ?? "";
  for (const [path, body] of [
    ["command", "null"],
    ["command", '{"type":"put"}'],
    ["command", '{"type":"put","value":1}'],
    ["command", '{"type":"cas","value":"x"}'],
    ["command", "{"],
    ["query", "1"],
  ] as const) {
    const response = await fetch(`http://${address}/${path}`, { method: "POST", body });
    assert.equal(response.status, 400, body);
  }
  assert.equal((await fetch(`http://${address}/nothing`)).status, 404);
  const large = JSON.stringify({ type: "put", value: "x".repeat(2 * 1024 * 1024) });
  assert.equal((await fetch(`http://${address}/command`, { method: "POST", body: large })).status, 400);
  assert.equal(await register("put", "fine", address), "\n");
});
