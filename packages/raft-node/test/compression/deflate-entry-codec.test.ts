/** Stored forms of commands: every member reads every form, and no entry takes more memory than its bound. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { concatBytes, DecodeError, toHex, utf8Encode } from "@quorate/base";
import { plainEntryCodec } from "@quorate/raft";
import { createEntryCodec, inflatedBytesMax, RaftNode } from "@quorate/raft-node";
import fc from "fast-check";

const none = createEntryCodec({ algorithm: "none" });
const deflate = createEntryCodec({ algorithm: "deflate", thresholdBytes: 16 });

test("any command comes back, whichever member stored it", () => {
  const command = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
  );
  fc.assert(
    fc.property(command, (bytes) => {
      for (const writer of [none, deflate, plainEntryCodec]) {
        for (const reader of [none, deflate]) {
          assert.deepEqual(Uint8Array.from(reader.decode(writer.encode(bytes))), bytes);
        }
      }
    }),
    { seed: 4 },
  );
});

test("compresses what is long enough and gets shorter, nothing else", () => {
  const text = utf8Encode("all work and no play ".repeat(50));
  assert.ok(deflate.encode(text).length < text.length / 5);
  assert.equal(none.encode(text).length, text.length + 1);
  assert.equal(deflate.encode(text.subarray(0, 15))[0], 1, "below the threshold");
  const noise = Uint8Array.from({ length: 400 }, (_, i) => (i * i * 2654435761) >>> 13);
  assert.ok(deflate.encode(noise).length <= noise.length + 1, "never longer than plain");
});

function framed(length: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = 2;
  new DataView(head.buffer).setUint32(1, length, true);
  return concatBytes([head, body]);
}

test("a bomb is refused before it takes memory; so is what does not inflate to what it says", () => {
  const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => none.decode(framed(1000, bomb)), /does not inflate/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  assert.throws(() => none.decode(framed(inflatedBytesMax + 1, bomb)), /beyond its bound/);
  const ten = deflateRawSync(new Uint8Array(10));
  assert.throws(() => none.decode(framed(11, ten)), /another length/);
  assert.throws(() => none.decode(framed(9, ten)), DecodeError);
  assert.throws(() => none.decode(new Uint8Array([9, 1])), /form/);
  assert.throws(() => none.decode(new Uint8Array([2, 1])), DecodeError);
  assert.throws(() => plainEntryCodec.decode(framed(10, ten)), /form/);
});

test("a deflated entry of another writer has the bytes that were written down", () => {
  const path = new URL("../golden/entry-forms-v1.json", import.meta.url);
  const command = utf8Encode("abcabcabcabcabcabcabcabcabcabcabcabcabc");
  const now = { plain: toHex(none.encode(command)), deflate: toHex(framed(command.length, stored(command))) };
  if (!existsSync(path) && process.env["UPDATE_GOLDEN"] === "1") {
    writeFileSync(path, `${JSON.stringify(now, null, 2)}\n`);
  }
  const golden = JSON.parse(readFileSync(path, "utf8"));
  assert.deepEqual(now, golden);
  const bytes = Uint8Array.from(Buffer.from(golden.deflate, "hex"));
  assert.deepEqual(Uint8Array.from(none.decode(bytes)), command);
});

/** DEFLATE with a stored block: the same bytes from every version of zlib. */
function stored(command: Uint8Array): Uint8Array {
  const head = new Uint8Array([1, command.length, 0, 255 - command.length, 255]);
  return concatBytes([head, command]);
}

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

/** Bytes of the log that are not zero: segments are preallocated. */
function logBytes(dataDir: string): number {
  const folder = join(dataDir, "wal");
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)).filter((byte) => byte !== 0).length)
    .reduce((sum, bytes) => sum + bytes, 0);
}

test("a compressed log takes less space, and is read with any setting", async () => {
  const text = "compressible ".repeat(1000);
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-deflate-"));
  const run = async (algorithm: "none" | "deflate", expected: number): Promise<void> => {
    const machine = new Texts();
    const node = await RaftNode.start<string, number>({
      id: 1,
      dataDir,
      listen: "127.0.0.1:0",
      peers: { 1: "127.0.0.1:0" },
      tickMs: 5,
      segmentBytes: 1024 * 1024,
      stateMachine: machine,
      entryCompression: { algorithm },
    });
    try {
      await node.waitForLeader();
      assert.equal(await node.propose(text), expected);
      assert.deepEqual(machine.texts, Array(expected).fill(text));
    } finally {
      await node.stop();
    }
  };
  try {
    await run("deflate", 1);
    assert.ok(logBytes(dataDir) < text.length / 5);
    await run("none", 2);
    assert.ok(logBytes(dataDir) > text.length);
    await run("deflate", 3);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
