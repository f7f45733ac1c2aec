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

const etcdctl = process.env["ETCDCTL"];
/** `quorate` under the name `etcdctl`: a link, made in {@link folder}. */
let quorate = "";
const skip = etcdctl === undefined ? "SKIPPED: ETCDCTL names no etcdctl, nothing is compared" : false;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One comparison. */
interface Case {
  readonly words: readonly string[];
  /** Keys and values, written one after the other into an empty store before it. */
  readonly given?: readonly (readonly [string, string])[];
  readonly input?: string;
  /** Only exit codes are equal: the wording is each program's own. */
  readonly codesOnly?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
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

const keys = [
  ["a", "1"],
  ["a", "2"],
  ["b", "x\ny"],
  ["c\u0001", 'z"é\u00a0€'],
] as const;

const formats = ["simple", "json", "fields", "table", "protobuf"] as const;
/** protobuf carries the numbers of the moment as bytes, so only its refusals can be compared. */
const readable = ["simple", "json", "fields", "table"] as const;

const reads: readonly (readonly string[])[] = [
  ["get", "a"],
  ["get", "nothing"],
  ["get", "", "--prefix"],
  ["get", "", "--prefix", "--keys-only"],
  ["get", "", "--prefix", "--hex"],
  ["get", "", "--prefix", "--limit=1"],
  ["get", "", "--from-key", "--order=DESCEND", "--sort-by=MODIFY"],
  ["get", "a", "c"],
  ["get", "", "--prefix", "--count-only"],
  ["get", "", "--prefix", "--print-value-only"],
  ["get", "a", "--consistency=s"],
  ["get", "", "--prefix", "--stream"],
  ["member", "list"],
  ["member", "list", "--hex"],
  ["endpoint", "status"],
  ["endpoint", "health"],
  ["endpoint", "hashkv"],
  ["endpoint", "status", "--cluster"],
  ["alarm", "list"],
  ["alarm", "disarm"],
  ["auth", "status"],
  ["user", "list"],
  ["role", "list"],
  ["downgrade", "cancel"],
  ["version"],
];

const cases: readonly Case[] = [
  ...readable.flatMap((format) =>
    reads.map((words): Case => ({ given: keys, words: [...words, "-w", format] })),
  ),
  // Writes, each in each form.
  ...readable.flatMap((format): Case[] => [
    { words: ["put", "k", "v", "-w", format] },
    { given: [["k", "v"]], words: ["put", "k", "w", "--prev-kv", "-w", format] },
    { given: [["k", "v"]], words: ["put", "k", "--ignore-value", "-w", format] },
    { given: keys, words: ["del", "", "--prefix", "--prev-kv", "-w", format] },
    { words: ["del", "none", "-w", format] },
    { given: keys, words: ["del", "a", "b", "--range", "-w", format] },
    { words: ["lease", "grant", "100", "-w", format] },
    {
      given: keys,
      words: ["txn", "-w", format],
      input:
        'value("a") = "2"\nmod("b") > "0"\n\nget a\nput t "x y"\ndel none\nput t2 z --prev-kv\n\nget b\n\n',
    },
    {
      given: keys,
      words: ["txn", "-w", format],
      input: 'create("a") = "0"\n\nput t x\n\nget "" --prefix --limit=2\n\n',
    },
  ]),
  // Standard input, variables, spellings of flags.
  { words: ["put", "k"], input: "from standard input\n" },
  { given: keys, words: ["get", "-wjson", "a"] },
  { given: keys, words: ["-w=json", "get", "a"] },
  { given: keys, words: ["get", "--hex=true", "a"] },
  { given: keys, words: ["get", "--prefix=false", "a"] },
  { given: [["-k", "-v"]], words: ["get", "--", "-k"] },
  { given: keys, words: ["get", "a"], environment: { ETCDCTL_WRITE_OUT: "json" } },
  { given: keys, words: ["txn", "-i"], input: 'ver("a") = "2"\n\nget a\n\n\n' },
  // What the server refuses.
  { words: ["get", "a", "--rev", "999999"] },
  { words: ["put", "a", "b", "--lease", "1234"] },
  { words: ["put", "none", "--ignore-value"] },
  { words: ["put", "a", "b", "--ignore-lease", "--lease=1"] },
  { words: ["put", "none", "x", "--ignore-lease"] },
  { words: ["compaction", "999999"] },
  { words: ["lease", "revoke", "1234"] },
  { words: ["lease", "timetolive", "1234"] },
  { words: ["lease", "timetolive", "1234", "-w", "json"] },
  { words: ["lease", "keep-alive", "--once", "1234"] },
  { words: ["lease", "keep-alive", "1234"] },
  { words: ["member", "remove", "1234"] },
  { words: ["member", "promote", "1234"] },
  { words: ["member", "update", "1234", "--peer-urls=http://127.0.0.1:4"] },
  { words: ["move-leader", "1234"] },
  { words: ["user", "get", "none"] },
  { words: ["user", "delete", "none"] },
  { words: ["user", "grant-role", "none", "none"] },
  { words: ["role", "get", "none"] },
  { words: ["role", "delete", "none"] },
  { words: ["role", "grant-permission", "none", "read", "x"] },
  { words: ["downgrade", "validate", "x"] },
  { words: ["downgrade", "enable", "3.2"] },
  { words: ["get", "", "--prefix", "--order", "DESCEND", "--stream"] },
  // What the command line refuses. Where the sentence quotes Go's own errors, only the code is equal.
  { words: ["get"] },
  { words: ["get", "a", "b", "--prefix"] },
  { words: ["get", "a", "--prefix", "--from-key"] },
  { words: ["get", "a", "--keys-only", "--count-only"] },
  { words: ["get", "a", "--order", "BAD"] },
  { words: ["get", "a", "--sort-by", "BAD"] },
  { words: ["get", "a", "--consistency", "x"] },
  { words: ["get", "a", "-w", "bogus"] },
  { words: ["put"] },
  { words: ["put", "k"] },
  { words: ["put", "a", "b", "--ignore-value"] },
  { words: ["put", "a", "b", "--lease", "zz"], codesOnly: true },
  { words: ["del"] },
  { words: ["del", "a", "b", "c"] },
  { words: ["del", "a", "--prefix", "--from-key"] },
  { words: ["compaction"] },
  { words: ["compaction", "x"], codesOnly: true },
  { words: ["lease", "grant"] },
  { words: ["lease", "grant", "x"], codesOnly: true },
  { words: ["lease", "revoke"] },
  { words: ["lease", "revoke", "zz"], codesOnly: true },
  { words: ["lease", "timetolive"] },
  { words: ["lease", "keep-alive"] },
  { words: ["member", "add"] },
  { words: ["member", "add", "x"] },
  { words: ["member", "add", "x", "--peer-urls=bad"] },
  { words: ["member", "remove"] },
  { words: ["member", "remove", "zz"], codesOnly: true },
  { words: ["member", "update", "1234"] },
  { words: ["member", "promote"] },
  { words: ["alarm", "list", "x"] },
  { words: ["alarm", "disarm", "x"] },
  { words: ["move-leader"] },
  { words: ["move-leader", "zz"], codesOnly: true },
  { words: ["snapshot", "save"] },
  { words: ["snapshot", "save", "/nonexistent/x"], codesOnly: true },
  { words: ["user", "add"] },
  { words: ["user", "get"] },
  { words: ["user", "delete"] },
  { words: ["user", "list", "x"] },
  { words: ["user", "passwd"] },
  { words: ["user", "grant-role", "a"] },
  { words: ["role", "add"] },
  { words: ["role", "get"] },
  { words: ["role", "list", "x"] },
  { words: ["role", "delete"] },
  { words: ["role", "grant-permission", "a", "b"] },
  { words: ["role", "grant-permission", "a", "blah", "x"] },
  { words: ["role", "revoke-permission", "a"] },
  { words: ["auth", "status", "x"] },
  { words: ["lock"] },
  { words: ["elect"] },
  { words: ["elect", "-l"] },
  { words: ["elect", "-l", "x", "y"] },
  { words: ["check", "perf", "--load", "q"] },
  { words: ["watch"] },
  { words: ["watch", "a"], environment: { ETCDCTL_WATCH_KEY: "b" } },
  { words: ["txn", "x"] },
  { words: ["txn"] },
  { words: ["txn"], input: "x\n\n" },
  { words: ["txn"], input: 'valu("a") = "1"\n\n\n\n' },
  { words: ["txn"], input: 'mod("a") = "x"\n\n\n\n' },
  { words: ["txn"], input: "\nfoo x\n\n\n" },
  { words: ["downgrade", "validate"] },
  { words: ["gett", "a"], codesOnly: true },
  { words: ["get", "a", "--prefxi"], codesOnly: true },
  { words: ["get", "a", "--limit", "x"], codesOnly: true },
  { words: ["get", "a", "--dial-timeout=x"], codesOnly: true },
  { words: ["get", "a", "--cert=/none"], codesOnly: true },
  { words: ["get", "a", "--cacert=/none"], codesOnly: true },
  {
    words: ["get", "a", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  {
    words: ["endpoint", "health", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  {
    words: ["endpoint", "status", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  // Locks, with a command and its exit code.
  { words: ["lock", "l", "echo", "held"] },
  { words: ["lock", "l", "false"] },
  { words: ["lock", "l", "--", "sh", "-c", 'test -n "$ETCD_LOCK_KEY" && test "$ETCD_LOCK_REV" -gt 1'] },
];

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
  const noRest = (lines: string[]): string[] =>
    lines.map((line) => line.replaceAll(/\b9\d\d(?=s?\b)/g, "REST"));
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
        .replaceAll(/\b[0-9a-f]{12,15}\b|\b\d{13,20}\b|LEASE/g, "ID")
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
