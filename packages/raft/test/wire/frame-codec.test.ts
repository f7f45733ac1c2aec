/** What is sent arrives as it was, however the stream is cut; what is damaged or made up never does more than fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, crc32c } from "@quorate/base";
import {
  addressBytesMax,
  type ControlFrame,
  type DecodedFrame,
  encodeControlFrame,
  encodePeerFrame,
  FrameDecoder,
  type PeerFrame,
  toNodeId,
} from "@quorate/raft";
import fc from "fast-check";
import { peerFrame } from "./arbitraries.ts";

const seed = 20_261_121;

function encode(frames: readonly PeerFrame[], group = 0): Uint8Array {
  const writer = new ByteWriter();
  for (const frame of frames) {
    encodePeerFrame(writer, group, frame);
  }
  return writer.finish();
}

function drain(decoder: FrameDecoder): DecodedFrame[] {
  const found: DecodedFrame[] = [];
  for (let next = decoder.next(); next !== null; next = decoder.next()) {
    found.push(next);
    if (next.status === "failed") {
      break;
    }
  }
  return found;
}

function framesOf(decoded: readonly DecodedFrame[]): PeerFrame[] {
  return decoded.map((each) => {
    assert.equal(each.status, "frame", JSON.stringify(each));
    return each.status === "frame" ? each.content.frame : assert.fail();
  });
}

test("frames survive the wire wherever the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(peerFrame, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
      (frames, cuts) => {
        const bytes = encode(frames, 3);
        const decoder = new FrameDecoder();
        const found: DecodedFrame[] = [];
        let offset = 0;
        for (let i = 0; offset < bytes.length; i++) {
          const end = offset + (cuts[i % cuts.length] ?? 1);
          decoder.push(bytes.slice(offset, end));
          found.push(...drain(decoder));
          offset = end;
        }
        assert.deepEqual(framesOf(found), frames);
        assert.ok(found.every((each) => each.status === "frame" && each.content.group === 3));
      },
    ),
    { seed, numRuns: 500 },
  );
});

test("random bytes behind a valid header fail as a value and never throw", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }), (kindByte, body) => {
      const writer = new ByteWriter();
      writer.u32(body.length + 2);
      writer.u32(0);
      writer.u8(1);
      writer.u8(kindByte);
      writer.bytes(body);
      writer.patch32(4, crc32c(writer.view(8)));
      const decoder = new FrameDecoder();
      decoder.push(writer.finish());
      const first = decoder.next();
      assert.ok(first !== null);
      if (first.status === "failed") {
        assert.equal(first.failure, "malformed");
        assert.equal(decoder.next(), first, "a failed stream stays failed");
      }
    }),
    { seed, numRuns: 3_000 },
  );
});

test("every flipped bit of a frame is noticed", () => {
  const [frame] = fc.sample(peerFrame, { seed, numRuns: 1 });
  assert.ok(frame !== undefined);
  const bytes = encode([frame]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    const decoder = new FrameDecoder();
    decoder.push(damaged);
    const first = decoder.next();
    // A longer length waits for bytes that never come; everything else is a failure at once.
    assert.ok(first === null || first.status === "failed", `bit ${bit}`);
  }
});

test("an oversize frame is refused by its header alone", () => {
  const decoder = new FrameDecoder(100);
  decoder.push(Uint8Array.of(101, 0, 0, 0, 0, 0, 0, 0));
  const first = decoder.next();
  assert.ok(first?.status === "failed");
  assert.equal(first.failure, "oversize");
});

test("a frame of another version is refused by name", () => {
  const bytes = encode([
    { kind: "propose-accepted", requestId: 1, term: 0, firstIndex: 0, count: 0 } as PeerFrame,
  ]);
  bytes[8] = 2;
  new DataView(bytes.buffer).setUint32(4, crc32c(bytes, 0, 8), true);
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  const first = decoder.next();
  assert.ok(first?.status === "failed");
  assert.equal(first.failure, "version");
});

test("a declared count that the bytes cannot hold allocates nothing", () => {
  const writer = new ByteWriter();
  writer.u32(0);
  writer.u32(0);
  writer.u8(1);
  writer.u8(48); // propose
  for (const value of [0, 1, 1, 1 << 20]) {
    writer.varint(value); // group, term, request, a million commands
  }
  writer.patch32(0, writer.length - 8);
  writer.patch32(4, crc32c(writer.view(8)));
  const decoder = new FrameDecoder();
  decoder.push(writer.finish());
  const first = decoder.next();
  assert.ok(first?.status === "failed");
  assert.match(first.detail, /too many commands/);
});

test("control frames survive the wire", () => {
  const id = new Uint8Array(16).fill(7);
  const frames: ControlFrame[] = [
    {
      kind: "hello",
      versionMin: 1,
      versionMax: 3,
      clusterId: 2 ** 52,
      from: toNodeId(1),
      to: toNodeId(2),
      storeId: id,
      bootId: id,
      expectedStoreId: id,
      address: "https://four.test:2380,https://[::1]:2380",
    },
    { kind: "welcome", version: 1, from: toNodeId(2), storeId: id, bootId: id },
    { kind: "refusal", cause: "store", detail: "member 2 has another disk" },
    { kind: "ping" },
    { kind: "pong" },
    { kind: "goodbye" },
  ];
  for (const frame of frames) {
    const writer = new ByteWriter();
    encodeControlFrame(writer, frame);
    const decoder = new FrameDecoder();
    decoder.push(writer.finish());
    assert.deepEqual(drain(decoder), [{ status: "control", content: frame }]);
  }
});

/** A hello as its bytes, header and checksum made anew after `change`. */
function helloBytes(address: string, change: (body: Uint8Array) => Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  const id = new Uint8Array(16).fill(7);
  encodeControlFrame(writer, {
    kind: "hello",
    versionMin: 1,
    versionMax: 1,
    clusterId: 9,
    from: toNodeId(1),
    to: toNodeId(2),
    storeId: id,
    bootId: id,
    expectedStoreId: id,
    address,
  });
  const body = change(writer.finish().slice(8));
  const framed = new ByteWriter();
  framed.u32(body.length);
  framed.u32(crc32c(body));
  framed.bytes(body);
  return framed.finish();
}

function decodeOne(bytes: Uint8Array): DecodedFrame | null {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  return decoder.next();
}

const helloVersionAt = 0;

test("a hello of version 1 says no address, and is understood; a later version is refused by name", () => {
  const first = decodeOne(
    helloBytes("", (body) => {
      const older = body.slice(0, -1); // Without the length of the address.
      older[helloVersionAt] = 1;
      return older;
    }),
  );
  assert.ok(first?.status === "control" && first.content.kind === "hello");
  assert.equal(first.content.address, "");
  assert.equal(first.content.from, 1);
  const later = decodeOne(
    helloBytes("a:1", (body) => {
      body[helloVersionAt] = 3;
      return body;
    }),
  );
  assert.ok(later?.status === "failed");
  assert.deepEqual([later.failure, later.detail], ["version", "frame of version 3, this member speaks 1"]);
});

test("no other frame has the version of the hello", () => {
  const writer = new ByteWriter();
  encodeControlFrame(writer, { kind: "ping" });
  const body = writer.finish().slice(8);
  body[0] = 2;
  const framed = new ByteWriter();
  framed.u32(body.length);
  framed.u32(crc32c(body));
  framed.bytes(body);
  const decoded = decodeOne(framed.finish());
  assert.ok(decoded?.status === "failed");
  assert.equal(decoded.failure, "version");
});

test("a hello that is cut short anywhere, too long, or no text is malformed", () => {
  const whole = helloBytes("four.test:7000", (body) => body).length - 8;
  for (let length = 2; length < whole; length++) {
    const decoded = decodeOne(helloBytes("four.test:7000", (body) => body.slice(0, length)));
    assert.ok(decoded?.status === "failed" && decoded.failure === "malformed", `${length} bytes`);
  }
  const empty = helloBytes("", (body) => body);
  const withAddress = (address: Uint8Array): DecodedFrame | null =>
    decodeOne(
      helloBytes("", (body) => {
        const writer = new ByteWriter();
        writer.bytes(body.slice(0, -1));
        writer.lengthPrefixed(address);
        return writer.finish();
      }),
    );
  assert.equal(decodeOne(empty)?.status, "control");
  assert.equal(withAddress(new Uint8Array(addressBytesMax).fill(97))?.status, "control");
  const long = withAddress(new Uint8Array(addressBytesMax + 1).fill(97));
  assert.ok(long?.status === "failed" && /address too long/.test(long.detail));
  const noText = withAddress(Uint8Array.of(0xff, 0xfe));
  assert.ok(noText?.status === "failed" && /address is not UTF-8/.test(noText.detail));
  const rest = decodeOne(helloBytes("a:1", (body) => Uint8Array.of(...body, 0)));
  assert.ok(rest?.status === "failed" && rest.failure === "malformed");
});
