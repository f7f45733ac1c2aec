/** What is wrong is said in one clear line, with exit code 1 or 2, and nothing is lost. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { ExampleProcess, runExample } from "../../support/processes.ts";
import { Cluster, calm } from "./cluster.ts";

const main = "kv-http/main.ts";

/** Runs to the end and returns what was printed, which must be one line. */
async function fails(args: readonly string[], code: number, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const outcome = await runExample(main, args, env);
  const lines = outcome.output.trimEnd().split("\n");
  assert.equal(outcome.code, code, outcome.output);
  assert.equal(lines.length, 1, outcome.output);
  return lines[0] ?? "";
}

function without(args: readonly string[], flag: string): string[] {
  const at = args.indexOf(flag);
  return [...args.slice(0, at), ...args.slice(at + 2)];
}

test("wrong ids, missing peers, wrong numbers: exit code 2", async (t) => {
  const cluster = await Cluster.create(t, 3, 0);
  const args = cluster.args(0);
  const replaced = (flag: string, value: string): string[] => args.with(args.indexOf(flag) + 1, value);
  const { addr } = cluster.node(0);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [replaced("--id", "node-aws-1"), /--id is node-aws-1, but \S+ is node-aws-0 in --peers/],
    [replaced("--id", "server-1"), /serverId server-1 is not of the form node-aws-0/],
    [replaced("--peers", cluster.node(1).addr), new RegExp(`--peers lacks --addr ${addr}`)],
    [replaced("--peers", `${addr},${addr}`), /--peers names an address twice/],
    [replaced("--peers", `${addr},nonsense`), /nonsense is not host:port/],
    [without(args, "--peers"), /required option '-p, --peers <list>' not specified/],
    [replaced("--http-port", "http"), /'http' is invalid. It is not a whole number/],
    [[...args, "--election-timeout", "700"], /electionTimeout 700 lies outside 50 to 150 ms/],
    [[...args, "--storage", "sled"], /Allowed choices are wal, lmdb/],
    [replaced("--http-port", "99999"), /'99999' is invalid. It is not a port/],
    [["store", "--leader-addr", "nonsense"], /'nonsense' is invalid. It is not of the form http/],
    [[...args, "--join", "perhaps"], /'perhaps' is invalid. It is neither true nor false/],
    [["begin"], /unknown command 'begin'/],
  ];
  for (const [wrong, expected] of cases) {
    assert.match(await fails(wrong, 2), expected);
  }
});

test("a port in use: exit code 1, and the data is untouched", async (t) => {
  const cluster = await Cluster.create(t, 1, 0);
  for (const [port, flags] of [
    [cluster.node(0).httpPort, []],
    [cluster.node(0).httpPort - 1, []],
    [cluster.node(0).httpPort - 1, ["--transport", "grpc"]],
  ] as const) {
    const holder = createServer().listen(port, "127.0.0.1");
    await once(holder, "listening");
    assert.match(await fails(cluster.args(0, flags), 1), new RegExp(`EADDRINUSE.*${port}`));
    holder.close();
    await once(holder, "close");
  }
  await cluster.start(0);
  assert.equal((await cluster.post(0, "/store", { key: "k", value: "v" })).status, 200);
});

test("a peer list, an id or a storage that contradicts the data folder: refused, and nothing is lost", async (t) => {
  const cluster = await Cluster.create(t, 1, 1);
  for (const [storage, other] of [
    ["wal", "lmdb"],
    ["lmdb", "wal"],
  ] as const) {
    const data = join(cluster.folder, storage);
    const args = [...cluster.args(0, calm), "--data", data, "--storage", storage];
    const { addr, url } = cluster.node(0);
    const serve = async (work: () => Promise<void>): Promise<void> => {
      await using node = new ExampleProcess(main, args);
      await node.printed(/leads in term/, 60_000);
      await work();
      assert.equal(await node.stop(), 0);
    };
    await serve(async () => {
      const stored = await cluster.post(0, "/store", { key: "kept", value: "v" });
      assert.equal(stored.status, 200, `${url} ${stored.text}`);
    });
    const more = args.with(args.indexOf("--peers") + 1, `${addr},${cluster.node(1).addr}`);
    assert.match(await fails(more, 2), /--peers \S+ contradicts \S+, which was made with/);
    const stranger = more
      .with(more.indexOf("--id") + 1, "node-aws-1")
      .with(more.indexOf("--addr") + 1, cluster.node(1).addr);
    assert.match(await fails(stranger, 1), /STORAGE_FOREIGN.*expected=/);
    const switched = args.with(args.lastIndexOf("--storage") + 1, other);
    assert.match(await fails(switched, 2), new RegExp(`was made with --storage ${storage}`));
    await serve(async () => {
      assert.deepEqual([...(await cluster.keys(0))], ["kept"]);
    });
  }
});

test("garbage in the data folder: exit code 1, and the garbage is left as it was", async (t) => {
  const cluster = await Cluster.create(t, 1, 0);
  for (const [storage, file] of [
    ["wal", "meta"],
    ["lmdb", "raft.mdb"],
  ] as const) {
    const data = join(cluster.folder, storage);
    await mkdir(data);
    await writeFile(join(data, file), "garbage");
    const line = await fails([...cluster.args(0), "--data", data, "--storage", storage], 1);
    assert.match(line, new RegExp(`STORAGE_CORRUPT.*${file}`));
    assert.equal(await readFile(join(data, file), "utf8"), "garbage");
  }
});

test("requests that make no sense are answered with 4xx and change nothing", async (t) => {
  const cluster = await Cluster.create(t, 1, 0);
  await cluster.startAll();
  const cases: readonly (readonly [string, object | string, number, RegExp])[] = [
    ["/store", "no json", 400, /not a JSON object/],
    ["/store", "[1]", 400, /not a JSON object/],
    ["/store", { key: "k" }, 400, /"value" must be a string/],
    ["/store", { key: 7, value: "v" }, 400, /"key" must be a string/],
    ["/store", { key: "k", value: "v".repeat(40_000) }, 413, /too-large/],
    ["/config", { id: "node-1", action: "REMOVE" }, 400, /"node-1" is not of the form/],
    ["/config", { id: "node-aws-9", action: "REMOVE" }, 409, /there is no node-aws-9/],
    ["/config", { id: "node-aws-9", action: "PROMOTE" }, 400, /neither ADD nor REMOVE/],
    ["/config", { id: "node-aws-9", address: "here", action: "ADD" }, 400, /not host:port/],
    ["/transfer", { to: "node-aws-9" }, 409, /node-aws-9 is refused: not-a-member/],
    ["/nowhere", {}, 404, /there is no POST \/nowhere/],
  ];
  for (const [path, body, status, expected] of cases) {
    const answer = await cluster.post(0, path, body);
    assert.equal(answer.status, status, `${path} ${answer.text}`);
    assert.match(answer.json.error, expected);
  }
  const url = `${cluster.node(0).url}/delete`;
  const missing = await fetch(url, { method: "DELETE", body: JSON.stringify({ key: "k" }) });
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /there is no key/);
  assert.deepEqual([...(await cluster.keys(0))], []);
});

test("store without a server: exit code 1; environment variables stand for flags", async (t) => {
  const cluster = await Cluster.create(t, 1, 0);
  const { addr, data, httpPort, name, url } = cluster.node(0);
  const environment = {
    KV_HTTP_ADDR: addr,
    KV_HTTP_PEERS: addr,
    KV_HTTP_ID: name,
    KV_HTTP_HTTP_PORT: String(httpPort),
    KV_HTTP_DATA: data,
    KV_HTTP_JOIN: "false",
  };
  const store = ["store", "--leader-addr", url, "--count", "5"];
  assert.match(await fails(store, 1), /does not answer.*ECONNREFUSED/);
  await using node = new ExampleProcess(main, ["start"], environment);
  await node.printed(/leads in term/, 60_000);
  const stored = await runExample(main, ["store", "--count", "5"], { KV_HTTP_LEADER_ADDR: url });
  assert.equal(stored.code, 0, stored.output);
  assert.equal((await cluster.keys(0)).size, 5);
});
