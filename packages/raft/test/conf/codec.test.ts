import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, emptyBytes, toHex, utf8Encode } from "@quorate/base";
import {
  type ConfChange,
  decodeConfChange,
  encodeConfChange,
  leaveJointChange,
  toNodeId,
} from "@quorate/raft";
import fc from "fast-check";

const change: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom("auto" as const, "implicit" as const, "explicit" as const),
  changes: fc.array(
    fc.record({
      op: fc.constantFrom("add-voter" as const, "add-learner" as const, "remove" as const, "update" as const),
      id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(toNodeId),
    }),
    { maxLength: 5 },
  ),
  context: fc.uint8Array({ maxLength: 20 }),
});

test("golden: the stored form of a configuration change", () => {
  const golden: ConfChange = {
    transition: "explicit",
    changes: [
      { op: "add-voter", id: toNodeId(300) },
      { op: "add-learner", id: toNodeId(2) },
      { op: "remove", id: toNodeId(3) },
      { op: "update", id: toNodeId(2 ** 53 - 1) },
    ],
    context: utf8Encode("ctx"),
  };
  assert.equal(toHex(encodeConfChange(golden)), "01020400ac0201020203" + "03ffffffffffffff0f03637478");
  assert.deepEqual(decodeConfChange(encodeConfChange(golden)), golden);
});

test("the change that leaves a joint configuration is no bytes at all", () => {
  assert.equal(encodeConfChange(leaveJointChange).length, 0);
  assert.equal(decodeConfChange(emptyBytes), leaveJointChange);
});

test("what was encoded decodes to the same", () => {
  fc.assert(
    fc.property(change, (one) => {
      const back = decodeConfChange(encodeConfChange(one));
      assert.equal(JSON.stringify(back), JSON.stringify(one));
    }),
    { seed: 20_267, numRuns: 300 },
  );
});

test("foreign bytes are refused, never half understood", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (bytes) => {
      try {
        const decoded = decodeConfChange(bytes);
        assert.ok(decoded.changes.every(({ id }) => id > 0));
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
    { seed: 20_268, numRuns: 2_000 },
  );
  assert.throws(() => decodeConfChange(new Uint8Array([2, 0, 0, 0])), /unknown version/);
  assert.throws(() => decodeConfChange(new Uint8Array([1, 9, 0, 0])), /unknown transition/);
  assert.throws(() => decodeConfChange(new Uint8Array([1, 0, 0, 0, 7])), /unexpected bytes/);
});
