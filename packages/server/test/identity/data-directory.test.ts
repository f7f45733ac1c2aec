/** member.json: its bytes, what is refused, and how flags are compared with it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { resolveConfig } from "../../src/config/resolve.ts";
import {
  DataDirectoryError,
  decodeIdentity,
  encodeIdentity,
  type MemberIdentity,
  prepareDirectory,
  readIdentity,
  storeFolder,
  writeIdentity,
} from "../../src/identity/data-directory.ts";
import { type Established, establishIdentity } from "../../src/identity/establish.ts";
import { parseMembers } from "../../src/identity/join-cluster.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-identity-"));
after(() => rmSync(folder, { recursive: true }));
let folderCount = 0;
const fresh = (): string => join(folder, `d${++folderCount}`);

/** What the log leaves behind as soon as it exists. */
function makeStore(directory: string): void {
  prepareDirectory(directory);
  writeFileSync(join(directory, storeFolder, "meta"), "");
}

const identity: MemberIdentity = {
  memberId: 2 ** 53 - 1,
  clusterId: 7,
  clusterToken: 'a "token"',
  members: [{ id: 2 ** 53 - 1, name: "m1", peerUrls: ["http://127.0.0.1:2380"] }],
};

test("member.json is what it was in its first version", () => {
  const golden = readFileSync(join(import.meta.dirname, "../golden/member.v1.json"), "utf8");
  assert.equal(encodeIdentity(identity), golden);
  assert.deepEqual(decodeIdentity(golden, "member.json"), identity);
});

test("every flipped bit and every truncation of member.json is refused", () => {
  const bytes = Buffer.from(encodeIdentity(identity));
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeIdentity(bytes.toString("utf8", 0, length), "m"), DataDirectoryError);
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => decodeIdentity(damaged.toString("utf8"), "m"), DataDirectoryError, `bit ${bit}`);
  }
});

test("another format version is refused by name", () => {
  const text = encodeIdentity(identity).replace('"version":1', '"version":2');
  assert.throws(() => decodeIdentity(text, "member.json"), /format version 2, this program knows 1/);
});

test("a directory keeps its identity", () => {
  const directory = fresh();
  assert.equal(readIdentity(directory), null);
  makeStore(directory);
  assert.equal(readIdentity(directory), null);
  writeIdentity(directory, identity);
  assert.deepEqual(readIdentity(directory), identity);
});

test("a directory that lost its log is refused, never filled again", () => {
  const directory = fresh();
  makeStore(directory);
  writeIdentity(directory, identity);
  rmSync(join(directory, storeFolder, "meta"));
  assert.throws(() => readIdentity(directory), /has lost its log \(member\/meta is missing\): restore/);
});

test("what is left of an interrupted first start does not count", () => {
  const directory = fresh();
  mkdirSync(directory);
  writeFileSync(join(directory, "member.json.123"), "{");
  assert.equal(readIdentity(directory), null);
});

test("a folder with other files, and a file in its place, are refused with advice", () => {
  const foreign = fresh();
  mkdirSync(foreign);
  writeFileSync(join(foreign, "family.jpg"), "");
  assert.throws(() => readIdentity(foreign), /has "family.jpg" but no member.json.*--data-dir/);
  const file = fresh();
  writeFileSync(file, "");
  assert.throws(() => readIdentity(file), /cannot be used \(ENOTDIR\).*--data-dir/);
  assert.throws(() => prepareDirectory(join(file, "below")), /cannot be used \(ENOTDIR\)/);
});

function establish(directory: string, ...flags: string[]): Established {
  const { config } = resolveConfig({ argv: [`--data-dir=${directory}`, ...flags], environment: {} });
  const established = establishIdentity(config);
  if (established.created) {
    makeStore(directory);
    writeIdentity(directory, established.identity);
  }
  return established;
}

const two = "--initial-cluster=m1=http://localhost:2380,m2=http://localhost:3380";

test("an existing directory goes before bootstrap flags", () => {
  const directory = fresh();
  const first = establish(directory, "--name=m1", two, "--initial-cluster-token=t");
  assert.equal(first.created, true);
  assert.equal(first.identity.members.length, 2);
  const again = establish(directory, "--name=m1", two, "--initial-cluster-token=t");
  assert.deepEqual(again, { identity: first.identity, created: false, joins: false, warnings: [] });
  assert.deepEqual(establish(directory).identity, first.identity);
  const alone = establish(directory, "--name=m1", "--initial-cluster=m1=http://localhost:2380");
  assert.deepEqual(alone.identity, first.identity);
  assert.match(alone.warnings[0] ?? "", /^--initial-cluster describes member .* goes before it/);
  assert.equal(establish(directory, "--initial-cluster-state=existing").created, false);
});

test("a foreign token and the name of another member are refused", () => {
  const directory = fresh();
  establish(directory, "--name=m1", two, "--initial-cluster-token=t");
  assert.throws(
    () => establish(directory, "--initial-cluster-token=u"),
    /belongs to the cluster with token "t", not "u": correct/,
  );
  assert.throws(() => establish(directory, "--name=m2"), /belongs to member "m1", not to "m2"/);
});

test("joining: the id of the member with this one's peer URLs; anything that does not fit is refused", () => {
  const running = {
    clusterId: 77,
    members: [
      { id: 5, name: "a", peerUrls: ["http://h:1"] },
      { id: 9, name: "", peerUrls: ["http://h:2"] },
    ],
  };
  const join = (initial: string, cluster: typeof running | null = running) =>
    establishIdentity(
      resolveConfig({
        argv: [
          `--data-dir=${fresh()}`,
          "--name=b",
          "--initial-cluster-state=existing",
          `--initial-cluster=${initial}`,
          "--initial-advertise-peer-urls=http://h:2",
        ],
        environment: {},
      }).config,
      cluster,
    );
  const { created, identity, joins } = join("a=http://h:1,b=http://h:2");
  assert.deepEqual([created, joins, identity.memberId, identity.clusterId], [true, true, 9, 77]);
  assert.deepEqual(
    identity.members.map(({ name }) => name),
    ["a", "b"],
  );
  assert.throws(
    () => join("a=http://h:1,b=http://h:2", null),
    /no member that --initial-cluster names answers/,
  );
  assert.throws(
    () => join("b=http://h:2"),
    /has a member at http:\/\/h:1 that --initial-cluster does not name/,
  );
  assert.throws(() => join("a=http://h:1,b=http://h:2,c=http://h:3"), /has no member at http:\/\/h:3/);
  assert.equal(parseMembers(1, "[{}]"), null);
  assert.equal(parseMembers(Number.NaN, "[]"), null);
  assert.equal(parseMembers(1, "x"), null);
});
