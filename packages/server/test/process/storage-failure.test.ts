/** fsync that fails is final: the process ends at once with its own exit code, and acknowledges nothing after it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster, type ProcessMember } from "../../src/testing/index.ts";

const mainFile = join(import.meta.dirname, "failing-disk.ts");

/** Puts `k0`, `k1`, … one after the other until one fails; how many were acknowledged, and when the last. */
async function putUntilFailure(member: ProcessMember): Promise<{ count: number; lastAtMs: number }> {
  const client = new EtcdClient(member.clientUrl, 3000);
  let lastAtMs = 0;
  try {
    for (let count = 0; count < 500; count++) {
      try {
        await client.put(utf8Encode(`k${count}`), utf8Encode("v"));
        lastAtMs = Date.now();
      } catch {
        return { count, lastAtMs };
      }
    }
    throw new Error("the sync that fails never came");
  } finally {
    client.close();
  }
}

for (const failAt of [20, 33]) {
  test(`the ${failAt}th sync fails: exit code 74 at once, no write is acknowledged after it`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorate-eio-"));
    const markFile = join(folder, "mark");
    const cluster = await createProcessCluster({
      memberCount: 1,
      mainFile,
      environment: { PATH: process.env["PATH"], FAIL_SYNC_AT: String(failAt), FAIL_SYNC_MARK: markFile },
    });
    try {
      const [member] = cluster.members;
      assert.ok(member?.process === null);
      member.start();
      await cluster.leader();
      const { count, lastAtMs } = await putUntilFailure(member);
      const end = await member.signal("SIGCONT"); // Wakes nobody: it only waits for the end.
      const failedAtMs = Number(readFileSync(markFile, "utf8"));
      assert.deepEqual(end, { code: 74, signal: null }, member.log());
      assert.ok(count > 0, "some writes were acknowledged before");
      assert.ok(Date.now() - failedAtMs < 2000, "the process ended at once");
      // The write whose sync failed was the only one under way: nothing else can have been answered since.
      assert.ok(lastAtMs <= failedAtMs, "a write was acknowledged after the sync failed");
      const complaints = member
        .log()
        .split("\n")
        .filter((line) => line.startsWith("quorate: "));
      assert.equal(complaints.length, 1, member.log());
      assert.match(complaints[0] ?? "", /^quorate: the disk failed: .*EIO|STORAGE_IO/);
    } finally {
      await cluster.destroy();
      rmSync(folder, { recursive: true });
    }
  });
}
