/** Limits that flags set, from outside: what is within passes, what is beyond gets etcd's code and text, and others go on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  KV,
  Maintenance,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  Watch,
} from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient } from "@quorate/grpc";
import { createTestEtcd, eventually } from "../../src/testing/index.ts";
import { pathOf, pause } from "../crash/members.ts";

async function ask<Request extends DescMessage, Response extends DescMessage>(
  client: GrpcClient,
  method: DescMethod & { readonly input: Request; readonly output: Response },
  init: MessageInitShape<Request>,
): Promise<MessageShape<Response>> {
  const request = toBinary(method.input, create(method.input, init));
  return fromBinary(method.output, await client.request(pathOf(method), request, { timeoutMs: 60_000 }));
}

async function withMember(
  flags: readonly string[],
  body: (client: GrpcClient) => Promise<void>,
): Promise<void> {
  await using etcd = await createTestEtcd({ nodes: 1, flags });
  const client = createGrpcClient(etcd.clientUrls[0] ?? "");
  try {
    await body(client);
  } finally {
    client.close();
  }
}

const key = utf8Encode("k");
const put = (bytes: number) => ({ key, value: new Uint8Array(bytes) });

test("--max-request-bytes: beyond it a request is too large, beyond 512 KiB more a message is", () =>
  withMember(["--max-request-bytes=10000"], async (client) => {
    await ask(client, KV.method.put, put(9000));
    await assert.rejects(ask(client, KV.method.put, put(10_001)), {
      code: 3,
      message: "etcdserver: request is too large",
    });
    await assert.rejects(ask(client, KV.method.put, put(600_000)), { code: 8 });
    await ask(client, KV.method.put, put(1));
  }));

test("--max-txn-ops", () =>
  withMember(["--max-txn-ops=2"], async (client) => {
    const ops = (count: number) => ({
      success: Array.from({ length: count }, (_, i) => ({
        request: { case: "requestPut" as const, value: { key: utf8Encode(`k${i}`) } },
      })),
    });
    await ask(client, KV.method.txn, ops(2));
    await assert.rejects(ask(client, KV.method.txn, ops(3)), {
      code: 3,
      message: "etcdserver: too many operations in txn request",
    });
  }));

test("--quota-backend-bytes: writes stop, reads and deletes go on, until it is disarmed", () =>
  withMember(["--quota-backend-bytes=100000"], async (client) => {
    const full = { code: 8, message: "etcdserver: mvcc: database space exceeded" };
    await assert.rejects(async () => {
      for (let i = 0; i < 30; i++) {
        await ask(client, KV.method.put, { key: utf8Encode(`k${i}`), value: new Uint8Array(10_000) });
      }
    }, full);
    // The member that refuses raises the alarm, too, and that goes through the log.
    const alarm = await eventually("the alarm", 60_000, async () => {
      const { alarms } = await ask(client, Maintenance.method.alarm, {});
      return alarms[0];
    });
    const { deleted, header } = await ask(client, KV.method.deleteRange, {
      key,
      rangeEnd: utf8Encode("l"),
    });
    assert.ok(deleted > 5n);
    await assert.rejects(ask(client, KV.method.put, put(1)), full);
    await ask(client, KV.method.compact, { revision: header?.revision ?? 0n, physical: true });
    await ask(client, Maintenance.method.defragment, {});
    await ask(client, Maintenance.method.alarm, {
      action: 2,
      alarm: 1,
      memberID: alarm.memberID,
    });
    await ask(client, KV.method.put, put(1));
  }));

test("--max-concurrent-streams: a call beyond it waits until another one has ended", () =>
  withMember(["--max-concurrent-streams=2"], async (client) => {
    const { watch } = Watch.method;
    const idle = { message: () => {}, ended: () => {} };
    // The client learns the limit with the server's settings, which are there when a first call was answered.
    await ask(client, KV.method.put, put(1));
    const first = client.stream(pathOf(watch), {}, idle);
    client.stream(pathOf(watch), {}, idle);
    let answered = false;
    const third = ask(client, KV.method.put, put(1)).then(() => {
      answered = true;
    });
    await pause(300);
    assert.equal(answered, false, "there is no room for a third call");
    first.cancel();
    await third;
    assert.equal(answered, true);
  }));

test("10,000 watches on one stream, cancels of ids that nobody has, and a client that reads nothing: others are served", () =>
  withMember([], async (client) => {
    const { watch } = Watch.method;
    const message = (init: MessageInitShape<typeof watch.input>): Uint8Array =>
      toBinary(watch.input, create(watch.input, init));
    let created = 0;
    const stream = client.stream(
      pathOf(watch),
      {},
      { message: (bytes) => (created += fromBinary(watch.output, bytes).created ? 1 : 0), ended: () => {} },
    );
    for (let i = 0; i < 10_000; i++) {
      stream.write(message({ requestUnion: { case: "createRequest", value: { key: utf8Encode(`w${i}`) } } }));
    }
    stream.write(message({ requestUnion: { case: "cancelRequest", value: { watchId: 123_456n } } }));
    await eventually("all are created", 60_000, () => (created === 10_000 ? true : undefined));
    stream.pause();
    for (let i = 0; i < 200; i++) {
      await ask(client, KV.method.put, { key: utf8Encode("w1"), value: new Uint8Array(50_000) });
    }
    const { kvs } = await ask(client, KV.method.range, { key: utf8Encode("w1") });
    assert.equal(kvs[0]?.version, 200n);
    stream.cancel();
  }));
