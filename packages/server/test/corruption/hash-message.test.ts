/** Hash messages on the wire: golden bytes, every form back again, and nothing else taken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "@quorate/base";
import {
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type HashAnswer,
  type HashQuestion,
} from "../../src/corruption/hash-message.ts";

const questions: readonly (readonly [HashQuestion, string])[] = [
  [{ kind: "poll" }, "0101"],
  [{ kind: "report", round: 300, hash: 0xdeadbeef }, "0102ac02efbeadde"],
  [
    { kind: "compare", point: { revision: 2 ** 40, compactRevision: -1 }, hash: 1 },
    "010380808080802000" + "01000000",
  ],
];
const answers: readonly (readonly [HashAnswer, string])[] = [
  [{ kind: "none" }, "0101"],
  [{ kind: "round", round: 1, point: { revision: 9, compactRevision: 4 } }, "0102010905"],
  [{ kind: "verdict", verdict: "equal" }, "010300"],
  [{ kind: "verdict", verdict: "different" }, "010301"],
  [{ kind: "verdict", verdict: "incomparable" }, "010302"],
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("golden bytes, and back", () => {
  for (const [question, bytes] of questions) {
    assert.equal(hex(encodeQuestion(question)), bytes);
    assert.deepEqual(decodeQuestion(Buffer.from(bytes, "hex")), question);
  }
  for (const [answer, bytes] of answers) {
    assert.equal(hex(encodeAnswer(answer)), bytes);
    assert.deepEqual(decodeAnswer(Buffer.from(bytes, "hex")), answer);
  }
});

test("cut, longer, of another version or kind: refused", () => {
  for (const [, bytes] of [...questions, ...answers]) {
    const whole = Buffer.from(bytes, "hex");
    for (const decode of [decodeQuestion, decodeAnswer]) {
      assert.throws(() => decode(whole.subarray(0, 1)), DecodeError);
      assert.throws(() => decode(Buffer.concat([Buffer.of(2), whole.subarray(1)])), DecodeError);
      assert.throws(() => decode(Buffer.of(1, 99)), DecodeError);
    }
    assert.throws(() => decodeQuestion(Buffer.concat([whole, Buffer.alloc(20)])), DecodeError);
    assert.throws(() => decodeAnswer(Buffer.concat([whole, Buffer.alloc(20)])), DecodeError);
  }
});
