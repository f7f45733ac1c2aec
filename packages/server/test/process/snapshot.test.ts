/** A snapshot saved from a running process is read by `quorate snapshot status`, and by nobody once a byte of it is another. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { createGrpcClient } from "@quorate/grpc";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { Fields } from "../../src/client/protobuf-fields.ts";
import { createProcessCluster, type ProcessCluster } from "../../src/testing/index.ts";
import { quorate } from "../cli/run.ts";

let cluster: ProcessCluster;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-snapshot-"));
  cluster = await createProcessCluster({ memberCount: 1 });
  cluster.startAll();
  await cluster.leader();
});
after(async () => {
  await cluster?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

function save(url: string): Promise<Buffer> {
  const client = createGrpcClient(url);
  const blobs: Uint8Array[] = [];
  return new Promise<Buffer>((resolve, reject) => {
    const stream = client.stream(
      "/etcdserverpb.Maintenance/Snapshot",
      { timeoutMs: 10_000 },
      {
        message: (bytes) => void blobs.push(...new Fields(bytes.slice()).bytes(3)),
        ended: (error) => (error === null ? resolve(Buffer.concat(blobs)) : reject(error)),
      },
    );
    stream.write(new Uint8Array(0));
    stream.end();
  }).finally(() => client.close());
}

test("saved, read, damaged", async () => {
  const leader = await cluster.leader();
  const client = new EtcdClient(leader.clientUrl);
  for (let i = 0; i < 20; i++) {
    await client.put(utf8Encode(`k${i}`), utf8Encode("v".repeat(5000)));
  }
  client.close();
  const bytes = await save(leader.clientUrl);
  const file = join(folder, "saved");
  writeFileSync(file, bytes);
  const read = await quorate(["snapshot", "status", file, "--json"]);
  assert.equal(read.code, 0, read.stderr);
  const facts = JSON.parse(read.stdout) as Record<string, number>;
  assert.deepEqual([facts["revision"], facts["totalKey"], facts["totalSize"]], [21, 20, bytes.length]);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const damaged = await quorate(["snapshot", "status", file]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /its SHA-256 does not fit/);
});
