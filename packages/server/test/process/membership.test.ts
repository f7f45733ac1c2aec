/** A cluster grows from one process to two and gives up its first: add, start, promote, remove the leader. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { createGrpcClient } from "@quorate/grpc";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { encodeFields, Fields } from "../../src/client/protobuf-fields.ts";
import {
  createProcessCluster,
  eventually,
  type ProcessCluster,
  type ProcessMember,
} from "../../src/testing/index.ts";

let cluster: ProcessCluster;
let joiner: ProcessCluster;

before(async () => {
  cluster = await createProcessCluster({ memberCount: 1 });
  cluster.startAll();
  await cluster.leader();
});
after(async () => {
  await joiner?.destroy();
  await cluster?.destroy();
});

async function call(member: ProcessMember, name: string, message: Uint8Array): Promise<Fields> {
  const client = createGrpcClient(member.clientUrl);
  try {
    return new Fields(await client.request(`/etcdserverpb.Cluster/${name}`, message, { timeoutMs: 10_000 }));
  } finally {
    client.close();
  }
}

test("an address is free for a new member as soon as the one that had it is removed", async () => {
  const [first] = cluster.members;
  assert.ok(first !== undefined);
  // Several within a second: an id that was removed is never used again.
  for (let i = 0; i < 5; i++) {
    const added = await call(first, "MemberAdd", encodeFields({ 1: utf8Encode("http://127.0.0.1:1"), 2: 1 }));
    const id = added.messages(2)[0]?.uint(1) ?? 0n;
    await call(first, "MemberRemove", encodeFields({ 1: Number(id) }));
  }
});

test("a member is added, started, promoted; the first one is removed and stops by itself", async () => {
  const [first] = cluster.members;
  assert.ok(first !== undefined);
  const flags: string[] = [];
  joiner = await createProcessCluster({ memberCount: 1, flags });
  const [second] = joiner.members;
  assert.ok(second !== undefined);
  // The last of a flag counts.
  flags.push(
    "--name=second",
    "--initial-cluster-state=existing",
    `--initial-cluster=m1=${first.peerUrl},second=${second.peerUrl}`,
  );
  second.start();
  assert.equal((await second.process?.ended)?.code, 1, "nobody has added it");
  assert.match(second.log(), /the cluster has no member at .* add it first/);

  const added = await call(first, "MemberAdd", encodeFields({ 1: utf8Encode(second.peerUrl), 2: 1 }));
  const id = added.messages(2)[0]?.uint(1) ?? 0n;
  second.start();
  await eventually(
    "the learner to be ready",
    20_000,
    async () => second.log().includes("ready to serve") || undefined,
  );
  await eventually("the promotion", 10_000, () =>
    call(first, "MemberPromote", encodeFields({ 1: Number(id) })).catch(() => undefined),
  );
  const leaders = await call(first, "MemberList", new Uint8Array());
  assert.equal(leaders.messages(2).length, 2);
  const firstId =
    leaders
      .messages(2)
      .find((member) => member.texts(2)[0] === "m1")
      ?.uint(1) ?? 0n;
  await eventually("the removal, once both are healthy", 20_000, () =>
    call(second, "MemberRemove", encodeFields({ 1: Number(firstId) })).catch(() => undefined),
  );
  assert.equal((await first.process?.ended)?.code, 0);
  assert.match(first.log(), /this member was removed from the cluster/);
  const client = new EtcdClient(second.clientUrl);
  await eventually("the second to lead alone", 10_000, () =>
    client.put(utf8Encode("k"), utf8Encode("v")).catch(() => undefined),
  );
  client.close();
});
