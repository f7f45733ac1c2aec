/**
 * A data directory of which a file is missing, cut, garbled or something else, through the server: it starts with everything that was written,
 * or is refused in one line that names the file and what to do; and a start that is refused changes nothing. What recovery does with each bit
 * of a log stands in packages/wal; what members repair for each other, in test/recovery.
 */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { freePorts } from "@quorate/raft-node/testing";
import { CommandError } from "../../src/cli/exit-code.ts";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { DataDirectoryError } from "../../src/identity/data-directory.ts";
import { establishIdentity } from "../../src/identity/establish.ts";
import { startServer } from "../../src/process/server.ts";
import { MemoryLog } from "../../src/testing/memory-log.ts";

const keyCount = 120;
let folder: string;
let template: string;
let flags: readonly string[];
let clientUrl: string;

/** Starts a member on `dataDir`, lets `use` have it, and stops it. @throws what kept it from starting. */
async function withMember(dataDir: string, use: (client: EtcdClient) => Promise<void>): Promise<void> {
  const { config } = resolveConfig({ argv: [`--data-dir=${dataDir}`, ...flags], environment: {} });
  const { created, identity, joins } = establishIdentity(config);
  const server = await startServer({
    config,
    identity,
    created,
    joins,
    logger: new MemoryLog(),
    segmentBytes: 256 * 1024,
    fatal: (error) => {
      throw error;
    },
  });
  const client = new EtcdClient(clientUrl, 20_000);
  try {
    await server.ready;
    await use(client);
  } finally {
    client.close();
    await server.stop();
  }
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-files-"));
  template = join(folder, "template");
  const [client, peer] = await freePorts(2);
  clientUrl = `http://127.0.0.1:${client}`;
  flags = [
    "--name=m1",
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=m1=http://127.0.0.1:${peer}`,
    "--heartbeat-interval=10",
    "--election-timeout=100",
    "--snapshot-count=40",
  ];
  await withMember(template, async (one) => {
    for (let i = 0; i < keyCount; i++) {
      await one.put(utf8Encode(`k${i}`), utf8Encode("v"));
    }
  });
});

after(() => rmSync(folder, { recursive: true, force: true }));

type Damage = (path: string) => void;

const damages: Readonly<Record<string, Damage>> = {
  missing: (path) => rmSync(path),
  empty: (path) => truncateSync(path, 0),
  "cut to one byte": (path) => truncateSync(path, 1),
  "cut in half": (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
  "longer by a byte": (path) => writeFileSync(path, "x", { flag: "a" }),
  "a bit flipped near its beginning": (path) => {
    const bytes = readFileSync(path);
    const at = Math.min(40, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    writeFileSync(path, bytes);
  },
  garbage: (path) => writeFileSync(path, new Uint8Array(statSync(path).size).fill(0xa5)),
  zeros: (path) => writeFileSync(path, new Uint8Array(statSync(path).size)),
  "a folder": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
};

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

/** Everything in a folder, to be compared; the lock's file is not data. */
function contentOf(path: string): Record<string, string> {
  const names = filesBelow(path).filter((name) => !name.endsWith("lock"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name)).toString("base64")]));
}

/** `starts`, with all keys there; or the one line. */
async function outcomeOf(dataDir: string): Promise<string> {
  const damaged = contentOf(dataDir);
  try {
    await withMember(dataDir, async (client) => {
      for (let i = 0; i < keyCount; i++) {
        assert.equal((await client.range({ key: utf8Encode(`k${i}`) })).length, 1, `k${i}`);
      }
    });
    return "starts";
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof DataDirectoryError)) {
      throw error;
    }
    assert.equal(error.message.split("\n").length, 1, error.message);
    assert.deepEqual(contentOf(dataDir), damaged, "a refused start changes nothing");
    return error.message;
  }
}

let copies = 0;

function copyOf(source: string): string {
  const copy = join(folder, `c${++copies}`);
  cpSync(source, copy, { recursive: true });
  return copy;
}

/** What becomes of each file, by damage; a pattern of the line without the folder's own name. */
const restored = /; restore the folder from a copy|: restore the folder from a copy/;
const recovered = /"quorate recover --data-dir DIR --discard-damaged --dry-run" shows what that takes$/;
type Expected = Readonly<Record<string, "starts" | RegExp>>;

const all = (
  expected: "starts" | RegExp,
  ...others: readonly (readonly [string, "starts" | RegExp])[]
): Expected => ({
  ...Object.fromEntries(Object.keys(damages).map((name) => [name, expected])),
  ...Object.fromEntries(others),
});

async function expectEach(files: readonly string[], expected: Expected, named: RegExp): Promise<void> {
  for (const [name, damage] of Object.entries(damages)) {
    const dataDir = copyOf(template);
    for (const file of files) {
      damage(join(dataDir, file));
    }
    const outcome = (await outcomeOf(dataDir)).replaceAll(dataDir, "DIR");
    const want = expected[name];
    if (want instanceof RegExp) {
      assert.match(outcome, named, name);
      assert.match(outcome, want, name);
    } else {
      assert.equal(outcome, want, name);
    }
    rmSync(dataDir, { recursive: true });
  }
}

const inTemplate = (part: string): string[] => filesBelow(template).filter((name) => name.includes(part));

test("member.json: says whose the directory is; without it the flags say, and the log agrees or refuses", () =>
  expectEach(
    ["member.json"],
    all(restored, ["missing", "starts"]),
    /^DIR\/member\.json (is damaged|cannot be read)/,
  ));

test("meta: the log's identity; nobody else knows it", () =>
  expectEach(
    ["member/meta"],
    all(restored),
    /^data directory DIR (is damaged: meta at byte|has lost its log \(member\/meta)/,
  ));

test("one slot of term and vote: made again from the other", async () => {
  for (const slot of ["a", "b"]) {
    await expectEach(
      [`member/hard-state-${slot}`],
      all("starts", ["a folder", restored]),
      /hard-state-. at byte 0: is not a file/,
    );
  }
});

test("both slots of term and vote: never taken for no vote", () =>
  expectEach(inTemplate("hard-state"), all(restored), /hard-state/));

test("the newest snapshot: an older one and the log hold the same", () =>
  expectEach(
    inTemplate(".snap").slice(-1),
    all("starts", ["a folder", recovered]),
    /snap\/\d+-\d+\.snap at byte 0: is not a snapshot/,
  ));

test("the log of a member alone: never cut, the line says how to go on", () =>
  expectEach(
    inTemplate(".log"),
    all(recovered),
    /^data directory DIR is damaged: wal(\/\d+-\d+\.log)? at byte \d+/,
  ));

test("every file taken from another cluster's member: refused as another's, or made again from what is this one's", async () => {
  const other = join(folder, "other");
  const own = flags;
  flags = [...own, "--initial-cluster-token=other"];
  await withMember(other, async (client) => {
    for (let i = 0; i < keyCount; i++) {
      await client.put(utf8Encode(`other${i}`), utf8Encode("v"));
    }
  });
  flags = own;
  // Names of snapshots hold a term, and one election more may have been needed here or there.
  const kindOf = (file: string): string => file.replace(/\d{16}-\d{16}/, "");
  const counterpart = (file: string): string => {
    const [ours, theirs] = [template, other].map((path) =>
      filesBelow(path).filter((name) => kindOf(name) === kindOf(file)),
    ) as [string[], string[]];
    return theirs.at(ours.indexOf(file) - ours.length) ?? file;
  };
  const expected: readonly (readonly [readonly string[], "starts" | RegExp])[] = [
    [
      ["member.json"],
      /is not this member's: meta is of clusterId \d+, expected clusterId \d+; correct --data-dir/,
    ],
    [
      ["member/meta"],
      /is not this member's: meta is of clusterId \d+, expected clusterId \d+; correct --data-dir/,
    ],
    [["member/hard-state-a"], "starts"],
    [inTemplate("hard-state"), /both hard-state slots are bad \(belongs to another store\)/],
    [inTemplate(".snap").slice(-1), "starts"],
    [inTemplate(".log"), /wal\/\d+-\d+\.log at byte \d+: belongs to another store/],
    [filesBelow(template), /belongs to the cluster with token "other", not "etcd-cluster"/],
  ];
  for (const [files, want] of expected) {
    const dataDir = copyOf(template);
    for (const file of files) {
      cpSync(join(other, counterpart(file)), join(dataDir, file));
    }
    // Only who says which cluster it means can be told that this is another one.
    flags = files.length > 2 ? [...own, "--initial-cluster-token=etcd-cluster"] : own;
    const outcome = await outcomeOf(dataDir);
    flags = own;
    assert.match(outcome, want === "starts" ? /^starts$/ : want, files.join(" "));
  }
});
