/** The stored forms of membership, byte by byte, and what of foreign bytes is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, toHex } from "@quorate/base";
import { type MemberInfo, toLogIndex, toNodeId } from "@quorate/raft";
import fc from "fast-check";
import {
  decodeChangeNotes,
  decodeMemberSection,
  encodeChangeNotes,
  encodeMemberSection,
  memberSectionBytes,
  sectionHeaderBytes,
} from "../../src/host/member-codec.ts";

const member: MemberInfo = { id: toNodeId(300), address: "h:1", label: "ä", promote: true };
const base = {
  voters: [1, 2].map(toNodeId),
  learners: [toNodeId(3)],
  votersOutgoing: [toNodeId(1)],
  learnersNext: [],
  autoLeave: true,
};

test("golden: the context of a configuration change", () => {
  const notes = { base, members: [member] };
  const bytes = encodeChangeNotes(notes);
  assert.equal(toHex(bytes), "01" + "020102" + "0103" + "0101" + "00" + "01" + "01ac0203683a3102c3a401");
  assert.deepEqual(decodeChangeNotes(bytes), notes);
});

test("golden: the members in front of an image", () => {
  const notes = { confIndex: toLogIndex(200), members: [member], removed: [toNodeId(9)] };
  const bytes = encodeMemberSection(notes);
  const body = "01" + "c801" + "01ac0203683a3102c3a401" + "0109";
  assert.equal(toHex(bytes.subarray(0, 8)), "5152424d" + "10000000");
  assert.equal(toHex(bytes.subarray(sectionHeaderBytes)), body);
  assert.equal(memberSectionBytes(bytes), bytes.length - sectionHeaderBytes);
  assert.deepEqual(decodeMemberSection(bytes, bytes.subarray(sectionHeaderBytes)), notes);
});

test("a damaged or foreign section is refused, bit by bit", () => {
  const bytes = encodeMemberSection({ confIndex: toLogIndex(7), members: [member], removed: [] });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => {
      const length = memberSectionBytes(flipped);
      decodeMemberSection(flipped, flipped.subarray(sectionHeaderBytes, sectionHeaderBytes + length));
    }, DecodeError);
  }
});

test("whatever bytes come as a context, they decode or are refused by name", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        const again = decodeChangeNotes(encodeChangeNotes(decodeChangeNotes(bytes)));
        assert.deepEqual(again, decodeChangeNotes(bytes));
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
    { seed: 4, numRuns: 2_000 },
  );
});
