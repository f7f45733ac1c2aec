/** Snapshots over real connections that are cut in the middle, and to members whose process restarts in the middle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestCluster, type TestCluster } from "@quorate/raft-node/testing";

class Texts {
  texts: string[] = [];
  apply(text: string): number {
    return this.texts.push(text);
  }
  snapshot(): string[] {
    return this.texts;
  }
  restore(image: string[]): void {
    this.texts = image;
  }
}

type Cluster = TestCluster<string, number, Texts>;

const textCount = 24;
const textLength = 100_000;

/** Members 1 and 2 have an image of 2.4 MB and nothing else to give; member 3 has nothing. */
async function withLateMember(run: (cluster: Cluster, imageBytes: number) => Promise<void>): Promise<void> {
  const cluster = await createTestCluster<string, number, Texts>({
    stateMachine: () => new Texts(),
    settings: {
      snapshots: { entryCountMax: 8, trailingEntryCount: 0 },
      // 40 ticks of 10 ms for the image: slow enough to be cut, whatever the machine.
      limits: { snapshotSendBytesPerTickMax: 64 * 1024 },
      core: { electionTimeoutTicks: 30 },
    },
  });
  try {
    await cluster.kill(3);
    const { node } = await cluster.leader();
    for (let i = 0; i < textCount; i++) {
      await node.propose(String.fromCharCode(97 + i).repeat(textLength));
    }
    for (const member of cluster.members) {
      await cluster.waitFor("a compaction", () => member.node.logRange.firstIndex > textCount - 4);
    }
    await run(cluster, textCount * textLength);
  } finally {
    await cluster.stop();
  }
}

const sentBytes = (cluster: Cluster): number =>
  cluster.members.reduce((sum, { id, node }) => sum + (id === 3 ? 0 : node.transportCounters.sentBytes), 0);

async function check(cluster: Cluster, imageBytes: number, before: number): Promise<void> {
  await cluster.waitForAll();
  const { machine } = cluster.member(3);
  assert.equal(machine.texts.length, textCount);
  assert.ok(machine.texts.every((text, i) => text === String.fromCharCode(97 + i).repeat(textLength)));
  const sent = sentBytes(cluster) - before;
  assert.ok(sent >= imageBytes * 0.9, `${sent} bytes sent: the image did travel`);
  assert.ok(sent < 1.5 * imageBytes, `${sent} bytes sent for an image of ${imageBytes}`);
}

test("a connection cut in the middle costs little more than what was on its way", () =>
  withLateMember(async (cluster, imageBytes) => {
    const before = sentBytes(cluster);
    await cluster.restart(3);
    for (const part of [0.3, 0.6]) {
      await cluster.waitFor("a part of the image", () => sentBytes(cluster) - before > part * imageBytes);
      assert.equal(cluster.member(3).machine.texts.length, 0, "the image is not whole yet");
      cluster.isolate(3);
      cluster.heal();
    }
    await check(cluster, imageBytes, before);
  }));

test("a member whose process restarts in the middle goes on with what is on its disk", () =>
  withLateMember(async (cluster, imageBytes) => {
    const before = sentBytes(cluster);
    await cluster.restart(3);
    await cluster.waitFor("a part of the image", () => sentBytes(cluster) - before > 0.5 * imageBytes);
    await cluster.kill(3);
    await cluster.restart(3);
    await check(cluster, imageBytes, before);
  }));
