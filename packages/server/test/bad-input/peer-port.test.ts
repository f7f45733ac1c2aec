/**
 * The members' port under bad input: two of three members run, and the test plays strangers, and the third member gone mad. Each connection
 * gets the refusal that its mistake has, or its end; no member ends, both go on serving, and hold the same.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { ByteWriter, crc32c, Prng, utf8Encode } from "@quorate/base";
import {
  type ControlFrame,
  encodeControlFrame,
  encodePeerFrame,
  FrameDecoder,
  type Hello,
  type NodeId,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { createProcessCluster, type ProcessCluster, type ProcessMember } from "../../src/testing/index.ts";
import { membersAgree } from "./attack/equal-members.ts";

const withinMs = 20_000;

let cluster: ProcessCluster;
let target: ProcessMember;
let hello: Hello;

before(async () => {
  cluster = await createProcessCluster({ heartbeatIntervalMs: 100, electionTimeoutMs: 2000 });
  const [first, second, third] = cluster.members;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  first.start();
  second.start();
  target = await cluster.leader(60_000);
  const members = (await (await fetch(`${target.peerUrl}/members`)).json()) as {
    readonly id: number;
    readonly peerURLs: readonly string[];
  }[];
  const idOf = (member: ProcessMember): NodeId => {
    const id = members.find(({ peerURLs }) => peerURLs.includes(member.peerUrl))?.id;
    assert.ok(id !== undefined, "the members' page names every member");
    return toNodeId(id);
  };
  const clusterId = (await fetch(`${target.peerUrl}/members`)).headers.get("x-etcd-cluster-id") ?? "";
  hello = {
    kind: "hello",
    versionMin: 1,
    versionMax: 1,
    clusterId: Number.parseInt(clusterId, 16),
    from: idOf(third),
    to: idOf(target),
    storeId: new Uint8Array(16).fill(3),
    bootId: new Uint8Array(16).fill(4),
    expectedStoreId: null,
    address: `127.0.0.1:${third.peerPort}`,
  };
});

after(() => cluster?.destroy());

function control(frame: ControlFrame): Uint8Array {
  const writer = new ByteWriter();
  encodeControlFrame(writer, frame);
  return writer.view();
}

/** A frame of any version, kind and body, with a checksum that fits. */
function frameOf(kind: number, body: Uint8Array, version = 1): Buffer {
  const bytes = Buffer.alloc(10 + body.length);
  bytes.writeUInt32LE(2 + body.length, 0);
  bytes[8] = version;
  bytes[9] = kind;
  bytes.set(body, 10);
  bytes.writeUInt32LE(crc32c(bytes, 0, 8, bytes.length), 4);
  return bytes;
}

/** What the member said until it ended the connection: control frames by kind, refusals by cause; its bytes where they are no frames. */
function answersTo(...parts: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const answers: string[] = [];
    const decoder = new FrameDecoder();
    const socket: Socket = connect(target.peerPort, "127.0.0.1", () => {
      for (const part of parts) {
        socket.write(part);
      }
    });
    const timer = setTimeout(() => {
      reject(new Error(`still open after ${withinMs} ms; so far: ${answers.join(" ")}`));
      socket.destroy();
    }, withinMs);
    socket.on("data", (chunk: Buffer) => {
      if (chunk.toString("latin1").startsWith("HTTP/1.1 ")) {
        answers.push(chunk.toString("latin1", 0, 12));
        return;
      }
      decoder.push(chunk);
      for (let next = decoder.next(); next !== null; next = decoder.next()) {
        if (next.status !== "control") {
          answers.push(next.status);
          return;
        }
        answers.push(next.content.kind === "refusal" ? next.content.cause : next.content.kind);
      }
    });
    socket.on("error", () => {}); // A reset ends a connection, too.
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answers.join(" "));
    });
  });
}

/** Both members run, take writes, and hold the same. */
async function assertUnharmed(): Promise<void> {
  const running = cluster.members.filter((member) => member.process !== null);
  for (const member of running) {
    assert.ok(member.running, `${member.name} ended: ${member.log().slice(-2000)}`);
    const client = new EtcdClient(member.clientUrl, withinMs);
    await client.put(utf8Encode("key"), utf8Encode(member.name));
    client.close();
  }
  await membersAgree(running.map((member) => member.clientUrl));
}

const bytesOf = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

test("strangers: what is no handshake ends the connection, without a word", async () => {
  const badChecksum = Buffer.from(control(hello));
  badChecksum[badChecksum.length - 1] = (badChecksum[badChecksum.length - 1] ?? 0) ^ 1;
  const lengthOf = (bytes: number): Buffer => {
    const head = Buffer.alloc(64);
    head.writeUInt32LE(bytes, 0);
    return head;
  };
  const cases: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
    "zero bytes": [new Uint8Array(4096)],
    ones: [new Uint8Array(4096).fill(255)],
    "HTTP/2": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    TLS: [bytesOf(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), new Uint8Array(512)],
    POST: ["POST / HTTP/1.1\r\nhost: x\r\n\r\n"],
    "a frame of one byte": [lengthOf(1)],
    "a frame of 16 KiB and one byte": [lengthOf(16 * 1024 + 1)],
    "a frame of 2^31 bytes": [lengthOf(2 ** 31)],
    "a frame of 2^32-1 bytes": [lengthOf(2 ** 32 - 1)],
    "a hello whose checksum is wrong": [badChecksum],
    "a frame of version 0": [frameOf(1, control(hello).subarray(10), 0)],
    "a frame of version 99": [frameOf(4, new Uint8Array(0), 99)],
    "a frame of a kind that nobody knows": [frameOf(200, new Uint8Array(10))],
    "a hello of nothing": [frameOf(1, new Uint8Array(0), 2)],
    "a hello with bytes behind it": [frameOf(1, Buffer.concat([control(hello).subarray(10), bytesOf(0)]), 2)],
    "a message before the handshake": [frameOf(23, new Uint8Array(20))],
    "a ping before the handshake": [control({ kind: "ping" })],
    "a welcome that nobody waits for": [
      control({
        kind: "welcome",
        version: 1,
        from: hello.from,
        storeId: hello.storeId,
        bootId: hello.bootId,
      }),
    ],
    "a goodbye": [control({ kind: "goodbye" })],
  };
  for (const [name, parts] of Object.entries(cases)) {
    assert.equal(await answersTo(...parts), "", name);
  }
  await assertUnharmed();
});

test("strangers: a handshake that does not fit is refused by its cause", async () => {
  const cases: readonly (readonly [Partial<Hello>, string])[] = [
    [{ versionMin: 90, versionMax: 91 }, "version"],
    [{ versionMin: 0, versionMax: 0 }, "version"],
    [{ clusterId: hello.clusterId + 1 }, "cluster"],
    [{ to: toNodeId(12_345) }, "node"],
    [{ from: hello.to }, "node"],
    [{ expectedStoreId: new Uint8Array(16).fill(99) }, "store"],
    [{ from: toNodeId(4711), address: "" }, "unknown-peer"],
    [{ from: toNodeId(4711), address: "nonsense" }, "unknown-peer"],
  ];
  for (const [change, cause] of cases) {
    assert.equal(await answersTo(control({ ...hello, ...change })), cause, JSON.stringify(change));
  }
  await assertUnharmed();
});

test("strangers: every hello cut off at every byte, and every byte of one changed", async () => {
  const whole = control(hello);
  const connections: Promise<string>[] = [];
  for (let at = 0; at < whole.length; at++) {
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    // A length that became longer waits for more: the connection ends by what follows.
    connections.push(answersTo(changed, new Uint8Array(20_000)));
    const socket = connect(target.peerPort, "127.0.0.1", () => socket.end(whole.subarray(0, at)));
    socket.on("error", () => {});
    socket.resume();
    if (connections.length === 16) {
      assert.deepEqual(new Set(await Promise.all(connections.splice(0))), new Set([""]));
    }
  }
  await Promise.all(connections);
  await assertUnharmed();
});

test("HTTP on the members' port: its pages, and nothing else", async () => {
  const ask = (line: string): Promise<string> =>
    answersTo(`GET ${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  assert.equal(await ask("/version"), "HTTP/1.1 200");
  for (const path of [
    "/",
    "/nothing",
    "/../../etc/passwd",
    "/members/../metrics",
    "/v3/kv/range",
    "/metrics",
  ]) {
    assert.equal(await ask(path), "HTTP/1.1 404", path);
  }
  assert.equal(await answersTo("GET / NONSENSE\r\n\r\n"), "HTTP/1.1 400");
  assert.equal(await answersTo(`GET /version HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`), "HTTP/1.1 431");
  await assertUnharmed();
});

/** A heartbeat in the name of `from`, as it would be. */
function heartbeat(from: NodeId): Uint8Array {
  const writer = new ByteWriter();
  const message = {
    type: "heartbeat",
    from,
    to: hello.to,
    term: toTerm(1),
    commit: toLogIndex(1),
    context: new Uint8Array(0),
  } as const;
  encodePeerFrame(writer, 0, { kind: "message", message });
  return writer.finish();
}

test("a member: frames that mean nothing end its connection, whatever their kind", async () => {
  const random = new Prng(1);
  const kinds = [
    ...Array.from({ length: 18 }, (_, i) => 16 + i),
    ...Array.from({ length: 12 }, (_, i) => 47 + i),
  ];
  for (const kind of kinds) {
    for (const bytes of [0, 1, 7, 60]) {
      const body = Uint8Array.from({ length: bytes }, () => random.integer(0, 256));
      assert.equal(await answersTo(control(hello), frameOf(kind, body)), "welcome", `kind ${kind}: ${body}`);
    }
  }
  const body = heartbeat(hello.from).subarray(10);
  for (let length = 0; length < body.length; length++) {
    assert.equal(await answersTo(control(hello), frameOf(23, body.subarray(0, length))), "welcome");
  }
  await assertUnharmed();
});

/** A heartbeat, field by field: group, from, to, term, commit, context; as many bytes as the numbers take. */
function rawHeartbeat(term: bigint, commit: bigint, from: bigint = BigInt(hello.from)): Uint8Array {
  const fields = [0n, from, BigInt(hello.to), term, commit, 0n];
  return frameOf(23, Uint8Array.from(fields.flatMap(varint)));
}

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

test("a member: terms and indexes beyond what there can be end its connection", async () => {
  assert.deepEqual(
    rawHeartbeat(1n, 1n),
    Buffer.from(heartbeat(hello.from)),
    "the fields stand in this order",
  );
  for (const huge of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 70n]) {
    for (const frame of [rawHeartbeat(huge, 1n), rawHeartbeat(1n, huge), rawHeartbeat(1n, 1n, huge)]) {
      assert.equal(await answersTo(control(hello), frame), "welcome", `${huge}`);
    }
  }
  assert.equal(await answersTo(control(hello), rawHeartbeat(1n, 1n, 0n)), "welcome", "from nobody");
  await assertUnharmed();
});

test("a member: a second hello, another's name, another's disk, a frame of 64 MiB and one byte", async () => {
  assert.equal(await answersTo(control(hello), control(hello)), "welcome");
  assert.equal(await answersTo(control(hello), heartbeat(hello.to)), "welcome");
  const damaged = Buffer.from(heartbeat(hello.from));
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
  assert.equal(await answersTo(control(hello), damaged), "welcome", "a checksum that is wrong");
  const long = Buffer.alloc(8);
  long.writeUInt32LE(64 * 1024 * 1024 + 1, 0);
  assert.equal(await answersTo(control(hello), long), "welcome");
  // Its disk was noted when it first came.
  assert.equal(await answersTo(control({ ...hello, storeId: new Uint8Array(16).fill(9) })), "store");
  await assertUnharmed();
});
