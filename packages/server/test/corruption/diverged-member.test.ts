/**
 * A member whose state is not that of the others, in real processes: three data directories that begin with a snapshot, in one of
 * which a value was altered and every checksum made anew. The alarm names it; a start with the initial check refuses it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { type AuthAction, encodeCommand, KvStateMachine } from "@quorate/kv";
import { seedDataDirectory } from "@quorate/raft-node";
import { hashSync } from "bcryptjs";
import { prepareDirectory, storeFolder, writeIdentity } from "../../src/identity/data-directory.ts";
import { clusterIdOf, idText, memberIdOf } from "../../src/identity/member-id.ts";
import { createProcessCluster, eventually, type ProcessCluster } from "../../src/testing/index.ts";
import { quorate } from "../cli/run.ts";

const token = "etcd-cluster";
const lastIndex = 13;
const rootHash = hashSync("secret", 4);

function stateWith(value: string): KvStateMachine {
  const machine = new KvStateMachine();
  for (let index = 1; index <= 10; index++) {
    const key = utf8Encode(`k${index}`);
    const put = {
      type: "put",
      key,
      value: utf8Encode(index === 5 ? value : "same"),
      lease: 0n,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    } as const;
    machine.apply(encodeCommand(put), { index, term: 1 });
  }
  // With access control on: the alarm is the member's, and nobody's rights stand in its way.
  const actions: readonly AuthAction[] = [
    { op: "user-add", user: "root", passwordHash: rootHash },
    { op: "user-grant-role", user: "root", role: "root" },
    { op: "enable" },
  ];
  for (const [place, action] of actions.entries()) {
    machine.apply(encodeCommand({ type: "auth", ...action }), { index: 11 + place, term: 1 });
  }
  return machine;
}

function* chunksOf(machine: KvStateMachine): Generator<Uint8Array, void, undefined> {
  const image = machine.snapshot();
  for (let chunk = image.read(4096); chunk !== null; chunk = image.read(4096)) {
    yield chunk;
  }
  image.close();
}

/** Makes the data directories; the last member's state has another value. */
async function seed(cluster: ProcessCluster): Promise<readonly number[]> {
  const members = cluster.members.map(({ name, peerUrl }) => ({
    id: memberIdOf([peerUrl], token),
    name,
    peerUrls: [peerUrl],
  }));
  const ids = members.map(({ id }) => id);
  const clusterId = clusterIdOf(ids);
  for (const [place, member] of cluster.members.entries()) {
    const memberId = ids[place] ?? 0;
    prepareDirectory(member.dataDir);
    await seedDataDirectory({
      dataDir: join(member.dataDir, storeFolder),
      clusterId,
      nodeId: memberId,
      voters: ids,
      index: lastIndex,
      term: 1,
      state: chunksOf(stateWith(place === cluster.members.length - 1 ? "altered" : "same")),
    });
    const sorted = members.toSorted((left, right) => left.id - right.id);
    writeIdentity(member.dataDir, { memberId, clusterId, clusterToken: token, members: sorted });
  }
  return ids;
}

test("the periodic check names the diverged member, and keys are served no more", async () => {
  const cluster = await createProcessCluster({ flags: ["--corrupt-check-time=500ms"] });
  try {
    const ids = await seed(cluster);
    cluster.startAll();
    await cluster.leader(60_000);
    const endpoints = cluster.members.map(({ clientUrl }) => clientUrl).join(",");
    const ctl = (...words: string[]): ReturnType<typeof quorate> =>
      quorate(["--endpoints", endpoints, "--user", "root:secret", ...words]);
    const alarms = await eventually("an alarm", 60_000, async () => {
      const { stdout } = await ctl("alarm", "list");
      return stdout === "" ? undefined : stdout;
    });
    assert.match(alarms, /^memberID:(\d+) alarm:CORRUPT\n$/);
    assert.equal(
      idText(Number(/\d+/.exec(alarms)?.[0])),
      idText(ids.at(-1) ?? 0),
      "the altered one, and only it",
    );
    for (const words of [
      ["get", "k5"],
      ["put", "k5", "x"],
    ]) {
      const refused = await ctl(...words);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /Error: etcdserver: corrupt cluster\n$/);
    }
  } finally {
    await cluster.destroy();
  }
});

test("the initial check keeps the diverged member from serving; equal ones start", async () => {
  const cluster = await createProcessCluster({ flags: ["--feature-gates=InitialCorruptCheck=true"] });
  try {
    await seed(cluster);
    const [first, second, altered] = cluster.members;
    assert.ok(first !== undefined && second !== undefined && altered !== undefined);
    first.start();
    second.start();
    await cluster.leader(60_000);
    altered.start();
    const end = await eventually(
      "the end of the altered member",
      60_000,
      () => altered.process?.end ?? undefined,
    );
    assert.equal(end.code, 1);
    assert.match(altered.log(), /found data inconsistency/);
    assert.ok(first.running && second.running);
    assert.match(first.log() + second.log(), /the initial corruption check passed/);
  } finally {
    await cluster.destroy();
  }
});
