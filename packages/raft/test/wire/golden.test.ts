/** The bytes on the wire, as they are for good: a change here breaks clusters of mixed versions. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ByteWriter, toHex } from "@quorate/base";
import {
  encodeControlFrame,
  encodePeerFrame,
  FrameDecoder,
  noNode,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import fc from "fast-check";
import { firstFrame } from "./arbitraries.ts";

const path = new URL("../golden/wire-v1.json", import.meta.url);

function golden(): Record<string, string> {
  const lines: Record<string, string> = {};
  const put = (name: string, write: (writer: ByteWriter) => void): void => {
    const writer = new ByteWriter();
    write(writer);
    lines[name] ??= toHex(writer.view());
  };
  // Drawn from a fixed seed until every kind has come up.
  for (const frame of fc.sample(firstFrame, { seed: 1, numRuns: 600 })) {
    const name = frame.kind === "message" ? frame.message.type : frame.kind;
    const variant =
      frame.kind === "message" && "rejected" in frame.message ? String(frame.message.rejected) : "";
    put(`${name}${variant}`, (writer) => encodePeerFrame(writer, 0, frame));
  }
  const asked = { requestId: 2 ** 31 + 7, bytes: Uint8Array.of(1, 2, 3) };
  put("request", (writer) =>
    encodePeerFrame(writer, 0, { kind: "request", term: toTerm(3), channel: 17, ...asked }),
  );
  put("answer", (writer) =>
    encodePeerFrame(writer, 0, { kind: "answer", refusal: null, leader: toNodeId(2), ...asked }),
  );
  put("answer-refused", (writer) =>
    encodePeerFrame(writer, 5, { ...asked, kind: "answer", refusal: "not-leader", leader: noNode }),
  );
  const previous = { term: toTerm(3), index: toLogIndex(300) };
  put("repair-request", (writer) =>
    encodePeerFrame(writer, 0, { kind: "repair-request", requestId: 4, term: toTerm(5), previous }),
  );
  put("repair-answer", (writer) =>
    encodePeerFrame(writer, 0, {
      kind: "repair-answer",
      requestId: 4,
      term: toTerm(5),
      outcome: "entries",
      previous,
      last: { term: toTerm(5), index: toLogIndex(302) },
      commit: toLogIndex(301),
      hash: 0x12345678,
      entries: [{ term: toTerm(4), index: toLogIndex(301), type: "normal", data: Uint8Array.of(1, 2) }],
    }),
  );
  const id = Uint8Array.from({ length: 16 }, (_, i) => i);
  put("hello", (writer) =>
    encodeControlFrame(writer, {
      kind: "hello",
      versionMin: 1,
      versionMax: 1,
      clusterId: 9,
      from: toNodeId(1),
      to: toNodeId(2),
      storeId: id,
      bootId: id,
      expectedStoreId: null,
      address: "four.test:7000",
    }),
  );
  put("welcome", (writer) =>
    encodeControlFrame(writer, { kind: "welcome", version: 1, from: toNodeId(2), storeId: id, bootId: id }),
  );
  put("refusal", (writer) => encodeControlFrame(writer, { kind: "refusal", cause: "cluster", detail: "no" }));
  put("ping", (writer) => encodeControlFrame(writer, { kind: "ping" }));
  return Object.fromEntries(Object.entries(lines).sort(([left], [right]) => (left < right ? -1 : 1)));
}

test("frames have the bytes that were written down", () => {
  const now = golden();
  assert.equal(Object.keys(now).length, 29, `kinds: ${Object.keys(now).join(" ")}`);
  if (!existsSync(path) && process.env["UPDATE_GOLDEN"] === "1") {
    writeFileSync(path, `${JSON.stringify(now, null, 2)}\n`);
  }
  assert.deepEqual(now, JSON.parse(readFileSync(path, "utf8")));
});

test("the hello of version 1 is still understood, and says no address", () => {
  const hex = readFileSync(new URL("../golden/hello-v1.hex", import.meta.url), "utf8").trim();
  const decoder = new FrameDecoder();
  decoder.push(Uint8Array.from(Buffer.from(hex, "hex")));
  const decoded = decoder.next();
  assert.ok(decoded?.status === "control" && decoded.content.kind === "hello");
  const { address, clusterId, expectedStoreId, from, to, versionMax } = decoded.content;
  assert.deepEqual([address, clusterId, expectedStoreId, from, to, versionMax], ["", 9, null, 1, 2, 1]);
});
