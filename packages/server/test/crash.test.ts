/**
 * kill -9 under concurrent writes: 20 times one member, 5 times all of them. Every write that was acknowledged is read on
 * every member afterwards, and all members hold the same. `QUORATE_SEED` repeats a choice of victims.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, test } from "node:test";
import { Prng, utf8Decode, utf8Encode } from "@quorate/base";
import { EtcdClient, prefixEnd } from "../src/client/etcd-client.ts";
import { createProcessCluster, eventually, type ProcessCluster } from "../src/testing/index.ts";

const seed = Number(process.env["QUORATE_SEED"] ?? randomInt(2 ** 32));
const singleKillCount = 20;
const totalKillCount = 5;
const writerCount = 6;
// Writes that must be acknowledged between two kills, so that every kill hits a cluster that works.
const writesBetweenKills = 30;

let cluster: ProcessCluster | undefined;
after(async () => {
  await cluster?.destroy();
});

/** Writes ever new keys, one at a time, changing the member when a call fails. */
class Writer {
  readonly prefix: string;
  /** Values by key, of acknowledged writes only. */
  readonly acknowledged: Map<string, string> = new Map();
  readonly #clients: readonly EtcdClient[];
  readonly #finished: Promise<void>;
  #stopped = false;

  constructor(position: number, urls: readonly string[]) {
    this.prefix = `writer-${position}/`;
    this.#clients = urls.map((url) => new EtcdClient(url, 1000));
    this.#finished = this.#run(position);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#finished;
    for (const client of this.#clients) {
      client.close();
    }
  }

  async #run(position: number): Promise<void> {
    let turn = position;
    for (let i = 0; !this.#stopped; i++) {
      const client = this.#clients[turn % this.#clients.length];
      const key = `${this.prefix}${String(i).padStart(8, "0")}`;
      const value = `value of ${key}`;
      try {
        await client?.put(utf8Encode(key), utf8Encode(value));
        this.acknowledged.set(key, value);
      } catch {
        // Refused, or unknown: such a write may be there or not, and is never tried again.
        turn += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

function acknowledgedCount(writers: readonly Writer[]): number {
  return writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
}

async function moreWrites(writers: readonly Writer[]): Promise<void> {
  const target = acknowledgedCount(writers) + writesBetweenKills;
  await eventually(`${writesBetweenKills} more writes`, 20_000, () =>
    acknowledgedCount(writers) >= target ? true : undefined,
  );
}

/** Everything below `prefix` as one member has it, after a linearizable read there. */
async function readAll(
  url: string,
  prefix: string,
): Promise<Map<string, { value: string; revision: number }>> {
  const client = new EtcdClient(url, 20_000);
  try {
    await client.range({ key: utf8Encode("fence") });
    const kvs = await client.range({
      key: utf8Encode(prefix),
      rangeEnd: prefixEnd(prefix),
      serializable: true,
    });
    return new Map(
      kvs.map((kv) => [
        utf8Decode(kv.key) ?? "",
        { value: utf8Decode(kv.value) ?? "", revision: kv.modRevision },
      ]),
    );
  } finally {
    client.close();
  }
}

test(`${singleKillCount} × kill -9 of one member and ${totalKillCount} × of all, seed ${seed}`, async (t) => {
  const prng = new Prng(seed);
  cluster = await createProcessCluster({ heartbeatIntervalMs: 20, electionTimeoutMs: 200 });
  const { members } = cluster;
  cluster.startAll();
  await cluster.leader();
  const urls = members.map((member) => member.clientUrl);
  const writers = Array.from({ length: writerCount }, (_, i) => new Writer(i, urls));
  try {
    for (let kill = 1; kill <= singleKillCount + totalKillCount; kill++) {
      await moreWrites(writers);
      if (kill % ((singleKillCount + totalKillCount) / totalKillCount) === 0) {
        await Promise.all(members.map((member) => member.kill()));
        cluster.startAll();
      } else {
        const victim = prng.pick(members);
        await victim.kill();
        if (prng.chance(0.5)) {
          await moreWrites(writers); // The others go on without it; otherwise it comes back at once.
        }
        victim.start();
      }
      await cluster.leader();
    }
    await moreWrites(writers);
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}\n${cluster.logs()}`, { cause: error });
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
  }
  t.diagnostic(`${acknowledgedCount(writers)} acknowledged writes`);
  for (const writer of writers) {
    const copies = await Promise.all(urls.map((url) => readAll(url, writer.prefix)));
    for (const [position, copy] of copies.entries()) {
      const lost = [...writer.acknowledged].filter(([key, value]) => copy.get(key)?.value !== value);
      assert.deepEqual(lost, [], `seed ${seed}: acknowledged writes lost on ${members[position]?.name}`);
      assert.deepEqual(copy, copies[0], `seed ${seed}: members differ`);
    }
  }
});
