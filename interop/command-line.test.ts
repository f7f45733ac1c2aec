/**
 * The same command lines through etcdctl and through `quorate`, against one server: equal output, equal exit code, equal error.
 * `ETCDCTL` names the etcdctl to compare with (`npm run interop` builds one); without it nothing is compared, and that is said.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  AlarmRequestSchema,
  create,
  DeleteRangeRequestSchema,
  type DescMessage,
  fromBinary,
  LeaseGrantRequestSchema,
  type MessageInitShape,
  PutRequestSchema,
  PutResponseSchema,
  toBinary,
} from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient } from "@quorate/grpc/client";
import { createProcessCluster, type ProcessCluster } from "quorate/testing";
import { type Case, cases, formats, readable } from "./command-line-cases.ts";

const etcdctl = process.env["ETCDCTL"];
/** `quorate` under the name `etcdctl`: a link, made in {@link folder}. */
let quorate = "";
const skip = etcdctl === undefined ? "SKIPPED: ETCDCTL names no etcdctl, nothing is compared" : false;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let cluster: ProcessCluster;
let folder: string;
let endpoint = "";
let client: GrpcClient;
/** What runs until it is killed. */
const watching: Set<ChildProcess> = new Set();

before(async () => {
  if (skip !== false) {
    return;
  }
  folder = mkdtempSync(join(tmpdir(), "quorate-command-line-"));
  quorate = join(folder, "etcdctl");
  symlinkSync(join(import.meta.dirname, "..", "bin", "quorate"), quorate);
  cluster = await createProcessCluster({ memberCount: 1, electionTimeoutMs: 1000, heartbeatIntervalMs: 100 });
  cluster.startAll();
  const leader = await cluster.leader(60_000);
  endpoint = `127.0.0.1:${leader.clientPort}`;
  client = createGrpcClient(`http://${endpoint}`);
});
after(async () => {
  for (const child of watching) {
    child.kill("SIGKILL");
  }
  client?.close();
  await cluster?.destroy();
  if (folder !== undefined) {
    rmSync(folder, { recursive: true, force: true });
  }
});

function run(
  program: string,
  words: readonly string[],
  { environment = {}, input = "" }: Partial<Case>,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, ...endpointsFor(words), ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => {}); // A program that does not read its input closes it.
    child.stdin.end(input);
  });
}

/** ETCD: a flag and its variable together are refused. */
function endpointsFor(words: readonly string[]): Record<string, string> {
  return words.some((word) => word.startsWith("--endpoints")) ? {} : { ETCDCTL_ENDPOINTS: endpoint };
}

/** What two runs cannot have in common: revisions, terms, indexes, ids that were drawn, times. */
function comparable(text: string): string {
  return (
    text
      .replaceAll(
        /"(revision|create_revision|mod_revision|raft_term|raftIndex|raftAppliedIndex|raftTerm|hash|hash_revision|authRevision|dbSize|dbSizeInUse)":\d+/g,
        '"$1":N',
      )
      .replaceAll(
        /"((?:Prev)?(?:CreateRevision|ModRevision|Revision)|RaftTerm|RaftIndex|RaftAppliedIndex|Hash|HashRevision|DBSize|DBSizeInUse)" : \d+/g,
        '"$1" : N',
      )
      .replaceAll(/\b[0-9a-f]{16}\b/g, "LEASE")
      .replaceAll(/"(ID|id|lease)":-?\d{10,}/g, '"$1":ID')
      .replaceAll(/"(ID|Lease)" : -?\d{10,}/g, '"$1" : ID')
      .replaceAll(/\d+(\.\d+)?(µs|ms|s)\b/g, "TIME")
      // Go's text form of a message has one space or two, by the build.
      .replaceAll(/ {2}alarm:/g, " alarm:")
      .replaceAll(/(true|false), (true|false), \d+, \d+, \d+,/g, "$1, $2, N, N, N,")
      .replaceAll(/─+/g, "─")
      .replaceAll(/^│.*$/gm, (row) => row.replaceAll(/ +/g, " "))
      .replaceAll(/AuthRevision: \d+/g, "AuthRevision: N")
      .replaceAll(/ETCD_WATCH_REVISION=\d+/g, "ETCD_WATCH_REVISION=N")
      .replaceAll(/^etcdctl version: .*$/gm, "version")
  );
}

/** The last line that says what was wrong; the log lines of the Go client are no part of it. */
function errorOf({ stderr }: Outcome): string {
  const lines = stderr.split("\n").filter((line) => line.startsWith("Error: "));
  return comparable(lines.at(-1) ?? "");
}

/** Commands that leave everything as it was: what stands before them need not be made twice. */
const reading: ReadonlySet<string> = new Set([
  "get",
  "member",
  "endpoint",
  "version",
  "auth",
  "user",
  "role",
]);
let prepared: Case["given"] | null = null;

async function call<I extends DescMessage>(
  method: string,
  schema: I,
  init: MessageInitShape<I>,
): Promise<Uint8Array> {
  const message = toBinary(schema, create(schema, init));
  return client.request(`/etcdserverpb.KV/${method}`, message, { timeoutMs: 30_000 });
}

async function remove(key: string, rangeEnd = ""): Promise<void> {
  await call("DeleteRange", DeleteRangeRequestSchema, {
    key: utf8Encode(key),
    rangeEnd: utf8Encode(rangeEnd),
  });
}

/** The revision it got. */
async function write(key: string, value: string): Promise<bigint> {
  const answer = await call("Put", PutRequestSchema, { key: utf8Encode(key), value: utf8Encode(value) });
  return fromBinary(PutResponseSchema, answer).header?.revision ?? 0n;
}

async function prepare({ given = [], words }: Case): Promise<void> {
  const onlyReads = reading.has(words[0] ?? "");
  if (onlyReads && prepared === given) {
    return;
  }
  await remove("\0", "\0");
  for (const [name, value] of given) {
    await write(name, value);
  }
  prepared = onlyReads ? given : null;
}

function nameOf({ environment, input, words }: Case): string {
  const variables = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value} `);
  return `${variables.join("")}${words.map((word) => (word === "" ? '""' : word)).join(" ")}${input === undefined ? "" : ` < ${JSON.stringify(input)}`}`;
}

/** What the reference and ours make of a case. What only reads is read by both at once. */
async function runBoth(one: Case): Promise<readonly [Outcome, Outcome]> {
  await prepare(one);
  const reference = run(etcdctl ?? "", one.words, one);
  if (reading.has(one.words[0] ?? "")) {
    return Promise.all([reference, run(quorate, one.words, one)]);
  }
  const first = await reference;
  await prepare(one);
  return [first, await run(quorate, one.words, one)];
}

for (const one of cases) {
  test(nameOf(one), { skip, timeout: 120_000 }, async () => {
    const [reference, own] = await runBoth(one);
    assert.equal(own.code, reference.code, `exit code; stderr: ${own.stderr}`);
    if (one.codesOnly !== true) {
      assert.equal(comparable(own.stdout), comparable(reference.stdout), "stdout");
      assert.equal(errorOf(own), errorOf(reference), "the error");
    }
  });
}

test("protobuf: refused where etcdctl refuses, and nowhere else", { skip, timeout: 120_000 }, async () => {
  for (const words of [
    ["get", "a"],
    ["member", "list"],
    ["endpoint", "status"],
    ["endpoint", "health"],
    ["auth", "status"],
  ]) {
    const reference = await run(etcdctl ?? "", [...words, "-w", formats[4]], {});
    const own = await run(quorate, [...words, "-w", formats[4]], {});
    assert.equal(own.code, reference.code, words.join(" "));
    assert.equal(own.stdout.length > 0, reference.stdout.length > 0, words.join(" "));
  }
});

test("users and roles, step by step", { skip, timeout: 600_000 }, async () => {
  const steps: readonly (readonly string[])[] = [
    ["user", "add", "u:pw"],
    ["user", "add", "machine", "--no-password"],
    ["user", "get", "u"],
    ["role", "add", "r"],
    ["role", "grant-permission", "r", "readwrite", "k", "kz"],
    ["role", "grant-permission", "r", "read", "a"],
    ["role", "grant-permission", "r", "write", "--prefix", "pp"],
    ["role", "grant-permission", "r", "read", "--from-key", "zz"],
    ["role", "grant-permission", "r", "read", "--prefix", ""],
    ["role", "get", "r"],
    ["role", "get", "r", "-w", "json"],
    ["role", "get", "r", "-w", "fields"],
    ["user", "grant-role", "u", "r"],
    ["user", "get", "u"],
    ["user", "get", "u", "-w", "json"],
    ["user", "get", "u", "--detail"],
    ["user", "get", "u", "--detail", "-w", "json"],
    ["user", "list"],
    ["user", "list", "-w", "json"],
    ["role", "list", "-w", "fields"],
    ["role", "revoke-permission", "r", "k", "kz"],
    ["role", "revoke-permission", "r", "a"],
    ["role", "revoke-permission", "r", "--from-key", "zz"],
    ["user", "revoke-role", "u", "r"],
    ["role", "delete", "r"],
    ["auth", "enable"],
    ["user", "delete", "machine"],
    ["user", "delete", "u"],
  ];
  assert.deepEqual(await transcriptOf(quorate, steps), await transcriptOf(etcdctl ?? "", steps));
});

/** What a program prints for lines one after the other, with its exit codes and errors. */
async function transcriptOf(program: string, steps: readonly (readonly string[])[]): Promise<string[]> {
  const lines: string[] = [];
  for (const words of steps) {
    const outcome = await run(program, words, {});
    lines.push(`$ ${words.join(" ")}`, comparable(outcome.stdout), errorOf(outcome), `exit ${outcome.code}`);
  }
  return lines;
}

/** Leases of locks and elections that earlier commands left end when their time is over, which may be between two listings. */
async function revokeAll(): Promise<void> {
  const { stdout } = await run(quorate, ["lease", "list"], {});
  for (const id of stdout.trim().split("\n").slice(1)) {
    await run(quorate, ["lease", "revoke", id], {});
  }
}

test("leases, step by step", { skip, timeout: 600_000 }, async () => {
  const id = 0x1d2e3f4a5b6c7d8en;
  const hex = id.toString(16);
  const each = (words: readonly string[]): string[][] => readable.map((format) => [...words, "-w", format]);
  const steps = [
    ...each(["lease", "list"]),
    ...each(["lease", "timetolive", hex, "--keys"]),
    ...each(["lease", "keep-alive", "--once", hex]),
    ["get", "leased", "-w", "fields"],
    ["get", "leased", "-w", "fields", "--hex"],
    ["lease", "revoke", hex],
    ["lease", "revoke", hex],
    ["lease", "timetolive", hex],
    ["lease", "list"],
  ];
  const transcript = async (program: string): Promise<string[]> => {
    const grant = toBinary(LeaseGrantRequestSchema, create(LeaseGrantRequestSchema, { ID: id, TTL: 1000n }));
    await client.request("/etcdserverpb.Lease/LeaseGrant", grant, { timeoutMs: 30_000 });
    await call("Put", PutRequestSchema, { key: utf8Encode("leased"), value: utf8Encode("v"), lease: id });
    return transcriptOf(program, steps);
  };
  await revokeAll();
  // What remains of the 1,000 seconds is all of it, when no tick has passed since the grant.
  const noRest = (lines: string[]): string[] =>
    lines.map((line) => line.replaceAll(/(?<="ttl":|"TTL" : )(9\d\d|1000)\b/g, "REST"));
  assert.deepEqual(noRest(await transcript(quorate)), noRest(await transcript(etcdctl ?? "")));
});

test("alarms, step by step", { skip, timeout: 600_000 }, async () => {
  const raise = async (memberID: bigint): Promise<void> => {
    const init = { action: 1, alarm: 1, memberID } as const;
    const request = toBinary(AlarmRequestSchema, create(AlarmRequestSchema, init));
    await client.request("/etcdserverpb.Maintenance/Alarm", request, { timeoutMs: 30_000 });
  };
  const steps = [
    ...readable.map((format) => ["alarm", "list", "-w", format]),
    ["put", "k", "v"],
    ["endpoint", "status"],
    ["alarm", "disarm"],
    ["alarm", "list"],
  ];
  const transcript = async (program: string): Promise<string[]> => {
    await raise(77n);
    await raise(78n);
    const first = await transcriptOf(program, steps);
    await raise(77n);
    return [...first, ...(await transcriptOf(program, [["alarm", "disarm", "-w", "json"]]))];
  };
  assert.deepEqual(await transcript(quorate), await transcript(etcdctl ?? ""));
});

test("a member that is added, changed and removed", { skip, timeout: 600_000 }, async () => {
  const transcript = async (program: string): Promise<string[]> => {
    const lines: string[] = [];
    const step = async (...words: string[]): Promise<string> => {
      lines.push(...(await transcriptOf(program, [words])));
      return (await run(quorate, ["member", "list"], {})).stdout;
    };
    for (const format of ["simple", "json"]) {
      const list = await step(
        "member",
        "add",
        "x",
        "--learner",
        "--peer-urls=http://127.0.0.1:1",
        "-w",
        format,
      );
      const id = /^(\w+), unstarted/m.exec(list)?.[1] ?? "";
      await step("member", "list", "-w", format === "json" ? "table" : "fields");
      await step("member", "promote", id);
      await step("member", "update", id, "--peer-urls=http://127.0.0.1:2", "-w", format);
      await step("member", "remove", id, "-w", format);
    }
    // Ids are drawn, and members stand in their order.
    return lines.map((line) =>
      line
        .replaceAll(/\b[0-9a-f]{9,15}\b|\b\d{10,20}\b|LEASE/g, "ID")
        .replaceAll(/ +(?=ID)| *(?=│)|(?<=│) */g, " ")
        .split(/[\n,"[\]{}]/)
        .toSorted()
        .join("\n"),
    );
  };
  assert.deepEqual(await transcript(quorate), await transcript(etcdctl ?? ""));
});

test("a snapshot is saved, and what is in the way is told", { skip, timeout: 600_000 }, async () => {
  const steps = [
    ["snapshot", "save", "saved.db"],
    ["snapshot", "save", "a", "b"],
    ["defrag"],
    ["defrag", "--cluster"],
  ];
  assert.deepEqual(await transcriptOf(quorate, steps), await transcriptOf(etcdctl ?? "", steps));
});

test("a watch prints the same, in each form, with commands, interactively", {
  skip,
  timeout: 600_000,
}, async () => {
  const watches: readonly {
    words: readonly string[];
    input?: string;
    environment?: Record<string, string>;
  }[] = [
    ...["simple", "json", "fields"].map((format) => ({
      words: ["watch", "w", "--prefix", "--prev-kv", "--rev=REV", "-w", format],
    })),
    { words: ["watch", "w", "--prefix", "--rev=REV", "--", "sh", "-c", "env | grep ^ETCD_WATCH | sort"] },
    {
      words: ["watch", "--rev=REV"],
      environment: { ETCDCTL_WATCH_KEY: "w1", ETCDCTL_WATCH_RANGE_END: "w3" },
    },
    { words: ["watch", "-i"], input: "bogus\nwatch\nwatch w1 --rev=REV --prev-kv\n" },
  ];
  for (const { environment = {}, input, words } of watches) {
    const print = async (program: string): Promise<string> => {
      await remove("w", "x");
      const revision = (await write("before", "x")) + 1n;
      const fill = (text: string): string => text.replaceAll("REV", String(revision));
      await write("w1", "a");
      await write("w1", "b\u0001");
      await remove("w1");
      await write("w2", "c");
      return until(
        program,
        words.map(fill),
        fill(input ?? ""),
        environment,
        input === undefined ? "w2" : "w1",
      );
    };
    assert.equal(await print(quorate), await print(etcdctl ?? ""), words.join(" "));
  }
});

/** Runs a watch until it has printed `last` and has been silent for a while. */
function until(
  program: string,
  words: readonly string[],
  input: string,
  environment: Readonly<Record<string, string>>,
  last: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      env: { PATH: process.env["PATH"], ETCDCTL_ENDPOINTS: endpoint, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    watching.add(child);
    let text = "";
    let timer: NodeJS.Timeout | undefined;
    const take = (chunk: string): void => {
      text += chunk;
      if (text.includes(last) || text.includes(Buffer.from(last).toString("base64"))) {
        clearTimeout(timer);
        timer = setTimeout(() => child.kill("SIGKILL"), 750);
      }
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk.startsWith("{") ? "" : chunk;
    });
    child.on("error", reject);
    child.on("close", () => {
      watching.delete(child);
      resolve(comparable(text));
    });
    child.stdin.write(input);
  });
}
