/**
 * Attacks on the clients' port of a cluster of real processes. Whatever somebody without manners sends to the leader: it goes on leading,
 * others are served meanwhile, its memory stays bounded and is needed no more afterwards, and all members hold the same.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import {
  createProcessCluster,
  eventually,
  type ProcessCluster,
  type ProcessMember,
} from "../../src/testing/index.ts";
import { pause } from "../crash/members.ts";
import { Attacker } from "./attack/attacker.ts";
import { attacks } from "./attack/attacks.ts";
import { membersAgree } from "./attack/equal-members.ts";
import { forgetPeak, liveMiB, peakMiB } from "./attack/memory.ts";

// From when all of its connections have stood.
const attackMs = 500;
// Of the machine's memory, at any moment of any attack. At most 160 MiB wait for their readers and 96 for their ends; the rest is the process
// itself, and garbage that nobody has had time to collect: 400 to 560 MiB in all on two cores, more or less from run to run.
const residentMiBMax = 768;
// What may stay: buffers that are kept for use again, tables that do not shrink.
const keptMiBMax = 16;
const bigBytes = 50_000;

let cluster: ProcessCluster;
let leader: ProcessMember;
let client: EtcdClient;
let attacker: Attacker;
let folder: string;
let filePrefix: string;
let liveBeforeMiB: number;

/** What others want meanwhile: a write, and a read that is larger than one frame. */
async function askAsOthers(): Promise<void> {
  await client.put(utf8Encode("good"), utf8Encode("x"));
  const [found] = await client.range({ key: utf8Encode("big/7") });
  assert.equal(found?.value.length, bigBytes);
}

before(async () => {
  attacker = new Attacker();
  folder = mkdtempSync(join(tmpdir(), "quorate-attacks-"));
  filePrefix = join(folder, "memory-");
  cluster = await createProcessCluster({
    heartbeatIntervalMs: 100,
    // Also on a machine that has other work.
    electionTimeoutMs: 3000,
    mainFile: join(import.meta.dirname, "attack/observed-main.ts"),
    environment: { ...process.env, MEMORY_FILE_PREFIX: filePrefix },
  });
  cluster.startAll();
  leader = await cluster.leader(60_000);
  client = new EtcdClient(leader.clientUrl, 20_000);
  for (let i = 0; i < 40; i++) {
    await client.put(utf8Encode(`big/${i}`), new Uint8Array(bigBytes).fill(i));
  }
  liveBeforeMiB = await liveMiB(leader, filePrefix);
});

after(async () => {
  client?.close();
  await attacker.stop();
  await cluster?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

for (const { connections, name } of attacks) {
  test(name, async (t) => {
    const pid = leader.process?.pid ?? 0;
    forgetPeak(pid);
    attacker.begin(leader.clientPort, name);
    let served = 0;
    let longestMs = 0;
    try {
      let untilMs = Number.POSITIVE_INFINITY;
      while (performance.now() < untilMs) {
        const asked = performance.now();
        await askAsOthers();
        longestMs = Math.max(longestMs, performance.now() - asked);
        served++;
        await pause(5);
        if (untilMs === Number.POSITIVE_INFINITY && attacker.connections >= connections) {
          untilMs = performance.now() + attackMs;
        }
      }
    } finally {
      await attacker.end();
    }
    const peak = peakMiB(pid);
    let live = Number.POSITIVE_INFINITY;
    // What the system still holds of the attack is read, and thrown away, before its connections are known to be gone.
    await eventually("the memory to be needed no more", 60_000, async () => {
      live = await liveMiB(leader, filePrefix);
      return live < liveBeforeMiB + keptMiBMax || undefined;
    }).catch(() => undefined);
    t.diagnostic(
      `${attacker.connections} connections; ${served} times others were served, the longest ${longestMs.toFixed(0)} ms; resident at most ${peak?.toFixed(0)} MiB, needed afterwards ${live.toFixed(0)} (before: ${liveBeforeMiB.toFixed(0)})`,
    );
    assert.equal((await leader.status())?.role, "leader", leader.log().slice(-2000));
    assert.ok(longestMs < 15_000, `others waited for ${longestMs} ms`);
    assert.ok(peak === null || peak < residentMiBMax, `${peak} MiB`);
    assert.ok(live < liveBeforeMiB + keptMiBMax, `${live} MiB needed, ${liveBeforeMiB} before`);
  });
}

test("after all of them the members are the same processes, and hold the same", async () => {
  assert.ok(cluster.members.every((member) => member.running));
  await membersAgree(cluster.members.map((member) => member.clientUrl));
});
