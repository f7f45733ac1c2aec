/** Leases live at the leader: keep-alive and time-to-live sent to a follower come from there, in one cluster of real processes. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createGrpcClient } from "@quorate/grpc";
import { decodeTraceEvent } from "@quorate/raft";
import { encodeFields, Fields } from "../../src/client/protobuf-fields.ts";
import { createProcessCluster, type ProcessCluster } from "../../src/testing/index.ts";

let cluster: ProcessCluster;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-trace-"));
  cluster = await createProcessCluster({
    heartbeatIntervalMs: 50,
    electionTimeoutMs: 500,
    flags: [`--trace=${join(folder, "trace")}`],
  });
  cluster.startAll();
  await cluster.leader();
});
after(async () => {
  await cluster?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

async function call(url: string, path: string, message: Uint8Array): Promise<Fields> {
  const client = createGrpcClient(url);
  try {
    return new Fields(await client.request(`/etcdserverpb.Lease/${path}`, message, { timeoutMs: 5000 }));
  } finally {
    client.close();
  }
}

/** One request of a keep-alive stream, and its answer. */
function keepAlive(url: string, id: number): Promise<Fields> {
  const client = createGrpcClient(url);
  return new Promise<Fields>((resolve, reject) => {
    const stream = client.stream(
      "/etcdserverpb.Lease/LeaseKeepAlive",
      { timeoutMs: 5000 },
      {
        message: (bytes) => {
          resolve(new Fields(bytes.slice()));
          stream.cancel();
        },
        ended: (error) => reject(error ?? new Error("the stream ended without an answer")),
      },
    );
    stream.write(encodeFields({ 1: id }));
  }).finally(() => client.close());
}

test("keep-alive and time-to-live through each member tell the same lease", async () => {
  const leader = await cluster.leader();
  const id = 4711;
  const granted = await call(leader.clientUrl, "LeaseGrant", encodeFields({ 1: 30, 2: id }));
  assert.equal(granted.uint(3), 30n);
  for (const member of cluster.members) {
    const alive = await keepAlive(member.clientUrl, id);
    assert.deepEqual([alive.uint(2), alive.uint(3)], [BigInt(id), 30n], `${member.name} keeps it alive`);
    const left = await call(member.clientUrl, "LeaseTimeToLive", encodeFields({ 1: id }));
    assert.equal(left.uint(4), 30n, `${member.name} knows what was granted`);
    assert.ok(left.uint(3) >= 28n && left.uint(3) <= 30n, `${member.name}: ${left.uint(3)} seconds left`);
  }
  const gone = await keepAlive(cluster.members.find((member) => member !== leader)?.clientUrl ?? "", id + 1);
  assert.equal(gone.uint(3), 0n, "there is no such lease");
});

test("--trace: one file tells of every member's steps, and reads line by line while they run", () => {
  const lines = readFileSync(join(folder, "trace"), "utf8").split("\n").slice(0, -1);
  const events = lines.map(decodeTraceEvent);
  assert.equal(new Set(events.map(({ node }) => node)).size, 3);
  assert.ok(events.some(({ kind, state }) => kind === "propose" && state.role === "leader"));
});
