/** `quorate recover` with real processes: the quorum is lost for good, and one survivor's folder begins a new cluster. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createProcessCluster, eventually } from "../../src/testing/index.ts";
import { quorate } from "../cli/run.ts";
import { flipBitInLog, putMany, readCopy, storeOf, within } from "./support.ts";

/** What a folder holds; the lock of a process that was killed is nothing. */
function namesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name !== "LOCK");
}

test("a survivor goes on alone with all of its data; another survivor of the old cluster is refused by name", async (t) => {
  const cluster = await createProcessCluster();
  t.after(() => cluster.destroy());
  cluster.startAll();
  await cluster.leader();
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await within(cluster, async () => {
    const acknowledged = await putMany(first, 100);
    const running = await quorate(["recover", "--data-dir", first.dataDir, "--yes"]);
    assert.equal(running.code, 1);
    assert.match(running.stderr, /is in use by process \d+: stop that member first/);
    await Promise.all(cluster.members.map((member) => member.kill()));
    rmSync(third.dataDir, { recursive: true });

    const asks = await quorate(["recover", "--data-dir", first.dataDir]);
    assert.equal(asks.code, 2);
    assert.match(asks.stderr, /say --yes, or --dry-run/);

    const before = namesIn(storeOf(first));
    const looked = await quorate(["recover", "--data-dir", first.dataDir, "--dry-run"]);
    assert.equal(looked.code, 0, looked.stderr);
    assert.match(looked.stdout, /found: member [0-9a-f]+ \(m1\) of cluster [0-9a-f]+, store [0-9a-f]{32}/);
    for (const name of ["m1", "m2", "m3"]) {
      assert.match(looked.stdout, new RegExp(`voters .*\\(${name}\\)`));
    }
    assert.match(looked.stdout, /whatever .*m2.*acknowledged without this member/);
    assert.deepEqual(namesIn(storeOf(first)), before, "a look changes nothing");

    const recovered = await quorate(["recover", "--data-dir", first.dataDir, "--yes", "--json"]);
    assert.equal(recovered.code, 0, recovered.stderr);
    const result = JSON.parse(recovered.stdout) as Record<string, unknown>;
    assert.equal(result["recovered"], true);
    assert.equal((result["voters"] as unknown[]).length, 3);
    assert.notEqual(result["clusterId"], result["newClusterId"]);
    assert.ok(readdirSync(String(result["backup"])).includes("meta"), "what was replaced is kept");
    assert.ok(readdirSync(String(result["backup"])).includes("member.json"));

    first.start();
    assert.deepEqual(await readCopy(first), acknowledged);
    const more = await putMany(first, 3, "later-");
    assert.equal(more.size, 3);
    assert.equal((await first.status())?.role, "leader");

    second.start();
    await eventually("the old survivor is refused", 10_000, () =>
      /peer belongs to cluster/.test(first.log() + second.log()) ? true : undefined,
    );
    assert.notEqual((await second.status())?.role, "leader");
    // What was recovered stays recovered.
    await first.stop();
    first.start();
    assert.equal((await readCopy(first)).size, 103);
  });
});

test("a member alone with a damaged log: refused, then shown exactly what goes, then on without it", async (t) => {
  const cluster = await createProcessCluster({ memberCount: 1 });
  t.after(() => cluster.destroy());
  cluster.startAll();
  await cluster.leader();
  const [only] = cluster.members;
  assert.ok(only !== undefined);
  await within(cluster, async () => {
    const acknowledged = await putMany(only, 60);
    await only.stop();
    const index = await flipBitInLog(only);
    const refused = await quorate(["recover", "--data-dir", only.dataDir, "--yes"]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /is damaged: wal\/\d+-\d+\.log at byte \d+: .*--discard-damaged goes on without it/,
    );
    const flags = ["recover", "--data-dir", only.dataDir, "--discard-damaged", "--json"];
    const looked = await quorate([...flags, "--dry-run"]);
    assert.equal(looked.code, 0, looked.stderr);
    const { discarded, lastIndex } = JSON.parse(looked.stdout) as {
      discarded: { from: number; to: number };
      lastIndex: number;
    };
    assert.equal(discarded.from, index);
    assert.equal(lastIndex, index - 1);
    const text = await quorate(["recover", "--data-dir", only.dataDir, "--discard-damaged", "--dry-run"]);
    assert.match(
      text.stdout,
      new RegExp(`DISCARDED as damaged: entries ${discarded.from} to ${discarded.to}`),
    );
    const recovered = await quorate([...flags, "--yes"]);
    assert.equal(recovered.code, 0, recovered.stderr);
    only.start();
    const kept = await readCopy(only);
    assert.ok(kept.size > 10 && kept.size < 60, `${kept.size} kept`);
    for (const [key, value] of kept) {
      assert.equal(acknowledged.get(key), value);
    }
    assert.equal((await putMany(only, 2, "later-")).size, 2);
  });
});

test("a folder that is no member's, or is damaged where nothing helps, is refused by name", async (t) => {
  const cluster = await createProcessCluster({ memberCount: 1 });
  t.after(() => cluster.destroy());
  const [only] = cluster.members;
  assert.ok(only !== undefined);
  const missing = await quorate(["recover", "--data-dir", only.dataDir, "--dry-run"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /holds no member/);
  const unnamed = await quorate(["recover", "--dry-run"]);
  assert.equal(unnamed.code, 2);
  cluster.startAll();
  await cluster.leader();
  await only.stop();
  const identity = join(only.dataDir, "member.json");
  const text = readFileSync(identity, "utf8");
  rmSync(identity);
  assert.ok(text.length > 0);
  const nobody = await quorate(["recover", "--data-dir", only.dataDir, "--dry-run"]);
  assert.equal(nobody.code, 1, nobody.stdout);
});
