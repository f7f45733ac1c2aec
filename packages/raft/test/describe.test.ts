/** Golden lines: stored traces are compared by them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, utf8Encode } from "@quorate/base";
import {
  describeMessage,
  describeProgress,
  describeReady,
  describeStatus,
  type Message,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { at, conf, entry, Group } from "./support/group.ts";

const head = { from: toNodeId(1), to: toNodeId(2), term: toTerm(3) };
const last = { term: toTerm(2), index: at(16) };
const snapshot = {
  index: at(16),
  term: toTerm(2),
  confState: {
    ...conf([1, 2], [4]),
    votersOutgoing: [toNodeId(3)],
    learnersNext: [toNodeId(3)],
    autoLeave: true,
  },
};

const golden: readonly (readonly [Message, string])[] = [
  [
    { ...head, type: "append-entries", previous: last, entries: [], commit: at(9) },
    "1>2 append-entries t3 prev=2/16 commit=9 entries=none",
  ],
  [
    { ...head, type: "append-entries", previous: last, entries: [entry(3, 17)], commit: at(9) },
    "1>2 append-entries t3 prev=2/16 commit=9 entries=3/17",
  ],
  [
    { ...head, type: "append-entries", previous: last, entries: [entry(3, 17), entry(3, 18)], commit: at(9) },
    "1>2 append-entries t3 prev=2/16 commit=9 entries=3/17..3/18",
  ],
  [{ ...head, type: "append-response", rejected: false, index: at(5) }, "1>2 append-response t3 index=5"],
  [
    { ...head, type: "append-response", rejected: true, index: at(5), hint: last },
    "1>2 append-response t3 rejected=5 hint=2/16",
  ],
  [
    { ...head, type: "request-vote", last, leadershipTransfer: true },
    "1>2 request-vote t3 last=2/16 transfer",
  ],
  [{ ...head, type: "pre-vote", last, leadershipTransfer: false }, "1>2 pre-vote t3 last=2/16"],
  [{ ...head, type: "vote-response", granted: true }, "1>2 vote-response t3 granted"],
  [{ ...head, type: "pre-vote-response", granted: false }, "1>2 pre-vote-response t3 refused"],
  [
    { ...head, type: "heartbeat", commit: at(9), context: utf8Encode("12345678") },
    "1>2 heartbeat t3 commit=9 context=8B",
  ],
  [{ ...head, type: "heartbeat-response", context: emptyBytes }, "1>2 heartbeat-response t3 context=0B"],
  [
    { ...head, type: "install-snapshot", snapshot },
    "1>2 install-snapshot t3 2/16 [voters=1,2 outgoing=3 learners=4 next=3 auto]",
  ],
  [{ ...head, type: "timeout-now" }, "1>2 timeout-now t3"],
  [{ ...head, type: "forward-proposal", entries: [entry(0, 0)] }, "1>2 forward-proposal t3 entries=1"],
  [{ ...head, type: "read-index", context: utf8Encode("r") }, "1>2 read-index t3 context=1B"],
  [
    { ...head, type: "read-index-response", index: at(7), context: utf8Encode("r") },
    "1>2 read-index-response t3 index=7 context=1B",
  ],
  [{ ...head, type: "transfer-leadership" }, "1>2 transfer-leadership t3"],
];

for (const [message, text] of golden) {
  test(`golden: ${text}`, () => assert.equal(describeMessage(message), text));
}

test("golden: the batches and the state of a small election", () => {
  const group = new Group(conf([1, 2]));
  const { node } = group.peer(1);
  assert.equal(
    describeStatus(node.status()),
    "1 follower of 0 term=0 vote=0 commit=0 applied=0 last=0/0 [voters=1,2]",
  );
  node.campaign();
  assert.equal(describeReady(node.ready()), "#1 sync leader=0 role=candidate term=1 vote=1 commit=0 after=2");
  node.advance();
  node.step({ type: "vote-response", from: toNodeId(2), to: toNodeId(1), term: toTerm(1), granted: true });
  assert.equal(describeReady(node.ready()), "#2 sync leader=1 role=leader entries=1/1 send=1 after=1");
  assert.equal(
    describeStatus(node.status()),
    "1 leader of 1 term=1 vote=1 commit=0 applied=0 last=1/1 [voters=1,2]",
  );
  assert.deepEqual(node.status().progress.map(describeProgress), [
    "1:replicate 0<1",
    "2:probe 0<1 paused silent",
  ]);
});
