/** Frames for several peers are what they are for each alone, whatever was encoded before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "@quorate/base";
import {
  type Entry,
  encodePeerFrame,
  FrameEncoder,
  type PeerFrame,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import fc from "fast-check";
import { peerFrame } from "./arbitraries.ts";

const seed = 20_261_123;

type Encode = (writer: ByteWriter, frame: PeerFrame) => void;

function bytesOf(frames: readonly PeerFrame[], encode: Encode): Uint8Array {
  const writer = new ByteWriter(16);
  for (const frame of frames) {
    encode(writer, frame);
  }
  return writer.finish();
}

function checkFrames(frames: readonly PeerFrame[]): void {
  const encoder = new FrameEncoder();
  assert.deepEqual(
    bytesOf(frames, (writer, frame) => encoder.encode(writer, 3, frame)),
    bytesOf(frames, (writer, frame) => encodePeerFrame(writer, 3, frame)),
  );
}

const logOf = (term: number, length: number, dataBytes = 20): Entry[] =>
  Array.from({ length }, (_, i) => ({
    term: toTerm(term),
    index: toLogIndex(i + 1),
    type: "normal",
    data: new Uint8Array(dataBytes).fill(term * 16 + i),
  }));

/** The append of `[start, end)` of a log to one peer. */
function appendOf(log: readonly Entry[], to: number, start: number, end: number, commit = 0): PeerFrame {
  const previous = log[start - 1] ?? { term: toTerm(0), index: toLogIndex(0) };
  const message = {
    type: "append-entries",
    from: toNodeId(1),
    to: toNodeId(to),
    term: toTerm(9),
    previous: { term: previous.term, index: previous.index },
    commit: toLogIndex(commit),
    entries: log.slice(start, end),
  } as const;
  return { kind: "message", message };
}

test("appends of parts of two logs to several peers, in any order", () => {
  const logs = [logOf(1, 60), logOf(2, 60)];
  const part = fc
    .tuple(fc.constantFrom(...logs), fc.integer({ min: 2, max: 4 }), fc.nat(59), fc.nat(59), fc.nat(100))
    .map(([log, to, a, b, commit]) => appendOf(log, to, Math.min(a, b), Math.max(a, b) + 1, commit));
  // Each twice in a row, as a leader sends them.
  const parts = fc.array(part, { minLength: 1, maxLength: 8 });
  const property = fc.property(parts, (frames) => checkFrames(frames.flatMap((frame) => [frame, frame])));
  fc.assert(property, { seed, numRuns: 200 });
});

test("frames of every kind", () => {
  fc.assert(fc.property(fc.array(peerFrame, { maxLength: 10 }), checkFrames), { seed, numRuns: 200 });
});

test("the same places of a log that was overwritten since are other entries", () => {
  const [before, after] = [logOf(1, 20), logOf(2, 20)];
  checkFrames([appendOf(before, 2, 0, 20), appendOf(after, 2, 0, 20), appendOf(before, 3, 0, 20)]);
});

test("an append beyond what is kept is encoded anew for the next peer", () => {
  const log = logOf(1, 16, 100_000);
  checkFrames([appendOf(log, 2, 0, 16), appendOf(log, 3, 0, 16), appendOf(log, 3, 0, 15)]);
});
