/**
 * kill -9 of the leader, of any member and of all, while clients watch, hold a lock and keep leases: every watcher sees every event
 * once and in order, whichever member it reads from; protected writes never go back to an earlier holder; keys of leases go when
 * they are due, and not before. `QUORATE_SEED` repeats a choice of victims.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, test } from "node:test";
import { Prng, utf8Encode } from "@quorate/base";
import { KV } from "@quorate/etcd/messages";
import { prefixEnd } from "../../src/client/etcd-client.ts";
import { createProcessCluster, eventually, type ProcessCluster } from "../../src/testing/index.ts";
import { Members } from "./members.ts";
import { type Seen, Watcher } from "./watcher.ts";
import { Holder, Leaver, Writer } from "./workers.ts";

const seed = Number(process.env["QUORATE_SEED"] ?? randomInt(2 ** 32));
const kills = ["leader", "any", "all", "leader", "any", "all"] as const;
const waitMs = 60_000;
const range = { key: utf8Encode("watched/"), rangeEnd: prefixEnd("watched/") };

let cluster: ProcessCluster | undefined;
after(async () => {
  await cluster?.destroy();
});

async function kill(found: ProcessCluster, whom: (typeof kills)[number], prng: Prng): Promise<void> {
  const { members } = found;
  const victims =
    whom === "all" ? members : whom === "leader" ? [await found.leader(waitMs)] : [prng.pick(members)];
  await Promise.all(victims.map((member) => member.kill()));
  for (const victim of victims) {
    victim.start();
  }
  await found.leader(waitMs);
}

function textsOf(watcher: Watcher, until: number): string[] {
  return watcher.seen.filter(({ revision }) => revision <= until).map(({ text }) => text);
}

/** Order, and nothing twice. One revision may have several events: those of one lease. */
function assertOrdered(seen: readonly Seen[], what: string): void {
  for (const [place, { revision, text }] of seen.entries()) {
    assert.ok(
      revision >= (seen[place - 1]?.revision ?? 0),
      `${what}: ${text} after ${seen[place - 1]?.text}`,
    );
  }
  assert.equal(new Set(seen.map(({ text }) => text)).size, seen.length, `${what}: an event twice`);
}

/** A last write through which all watchers must come: what they saw before it is all there was. */
async function fence(urls: readonly string[], watchers: readonly Watcher[]): Promise<number> {
  const members = new Members(urls, 0);
  try {
    const put = { key: utf8Encode("watched/end"), value: utf8Encode("end") };
    const answer = await members.repeat(KV.method.put, put);
    const revision = Number(answer?.header?.revision ?? -1n);
    await eventually("every watcher sees the end", waitMs, () =>
      watchers.every(({ seen }) => (seen.at(-1)?.revision ?? 0) >= revision) ? true : undefined,
    );
    return revision;
  } finally {
    members.close();
  }
}

test(`${kills.length} kills under watches, locks and leases, seed ${seed}`, {
  timeout: 600_000,
}, async (t) => {
  const prng = new Prng(seed);
  cluster = await createProcessCluster({ heartbeatIntervalMs: 20, electionTimeoutMs: 200 });
  cluster.startAll();
  await cluster.leader(waitMs);
  const urls = cluster.members.map((member) => member.clientUrl);
  const watchers = urls.map((_, turn) => new Watcher(urls, turn, range));
  const writers = [0, 1].map((turn) => new Writer(urls, turn, `watched/writer-${turn}/`));
  const holders = [0, 1, 2].map((turn) => new Holder(urls, turn));
  const leaver = new Leaver(urls, 1);
  const workers = [...writers, ...holders, leaver];
  try {
    for (const whom of kills) {
      const before = writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
      const held = holders.reduce((sum, { fences }) => sum + fences.length, 0);
      await eventually("writes and a lock that was held", waitMs, () => {
        const written = writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0) - before;
        return written >= 20 && holders.reduce((sum, { fences }) => sum + fences.length, 0) > held
          ? true
          : undefined;
      });
      await kill(cluster, whom, prng);
    }
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}\n${cluster.logs()}`, { cause: error });
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
  const [first] = watchers;
  assert.ok(first !== undefined);
  const goneOf = (key: string): Seen | undefined =>
    first.seen.find(({ text }) => text.includes(` delete ${key} `));
  await eventually("the keys of every lease that was left are gone", waitMs, () =>
    [...leaver.dueMs.keys()].every((key) => goneOf(key) !== undefined) ? true : undefined,
  );
  const end = await fence(urls, watchers);
  const history = new Watcher(urls, 0, range);
  await eventually("the whole history", waitMs, () =>
    (history.seen.at(-1)?.revision ?? 0) >= end ? true : undefined,
  );
  for (const watcher of [...watchers, history]) {
    watcher.stop();
  }
  t.diagnostic(
    `${history.seen.length} events, streams opened ${watchers.map(({ openedCount }) => openedCount)} times, ` +
      `${leaver.dueMs.size} leases left, ${holders.reduce((sum, { refusedCount }) => sum + refusedCount, 0)} writes fenced off`,
  );

  for (const [place, watcher] of watchers.entries()) {
    assert.ok(watcher.openedCount > 1, `watcher ${place} never had to resume: nothing is shown`);
    assertOrdered(watcher.seen, `seed ${seed}, watcher ${place}`);
    assert.deepEqual(
      textsOf(watcher, end),
      textsOf(history, end),
      `seed ${seed}: watcher ${place} saw other events`,
    );
  }
  for (const { acknowledged } of writers) {
    const lost = acknowledged.filter(
      (key) => !history.seen.some(({ text }) => text.endsWith(` put ${key} ${key}`)),
    );
    assert.deepEqual(lost, [], `seed ${seed}: acknowledged writes that no watcher saw`);
  }
  const fences = history.seen
    .filter(({ text }) => text.includes(" put watched/protected "))
    .map(({ text }) => Number(text.split(" ").at(-1)));
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
    `seed ${seed}: an earlier holder wrote after a later one`,
  );
  assert.ok(new Set(fences).size > kills.length, "the lock changed hands");
  assert.ok(leaver.dueMs.size > kills.length, "leases were left");
  for (const [key, dueMs] of leaver.dueMs) {
    const early = dueMs - (goneOf(key)?.atMs ?? Number.POSITIVE_INFINITY);
    assert.ok(early <= 0, `seed ${seed}: ${key} went ${early.toFixed(0)} ms before its time`);
  }
});
