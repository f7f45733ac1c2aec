/** The trace: its lines by golden text, what readers refuse, and that the histories which are checked against spec/ hold what they promise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, utf8Encode } from "@quorate/base";
import {
  decodeTraceEvent,
  encodeConfChange,
  encodeTraceEvent,
  type Message,
  type TraceEvent,
  Tracer,
  toLogIndex,
  toNodeId,
  toTerm,
  traceEntry,
  traceLineLengthMax,
  traceMessage,
} from "@quorate/raft";
import { conf, Peer, startingLog } from "../support/group.ts";
import { type Fault, runHistory } from "./world.ts";

function campaignTraced(): TraceEvent[] {
  const confState = conf([1, 2]);
  const { node } = new Peer(1, startingLog(confState, 0), { confState, asyncStorage: true });
  const events: TraceEvent[] = [];
  const tracer = new Tracer(
    node,
    () => 7,
    (event) => events.push(event),
  );
  node.campaign();
  tracer.record("campaign");
  node.ready();
  tracer.record("ready");
  return events;
}

test("a line of the trace is as it always was (golden)", () => {
  const lines = campaignTraced().map(encodeTraceEvent);
  const state =
    '"state":{"role":"candidate","term":1,"vote":1,"leader":0,"commit":0,"applied":0,"compacted":0,"last":{"term":0,"index":0},' +
    '"confState":{"voters":[1,2],"learners":[],"votersOutgoing":[],"learnersNext":[],"autoLeave":false},"transferee":0,"readCount":0}}';
  assert.deepEqual(lines, [
    '{"version":1,"time":7,"node":1,"kind":"campaign",' +
      '"promised":[{"type":"vote-response","from":1,"to":1,"term":1,"granted":true},' +
      `{"type":"request-vote","from":1,"to":2,"term":1,"last":{"term":0,"index":0},"leadershipTransfer":false}],${state}`,
    `{"version":1,"time":7,"node":1,"kind":"ready",${state}`,
  ]);
});

test("messages of an input are told from those that wait since earlier ones", () => {
  const [campaign, ready] = campaignTraced();
  assert.equal(campaign?.promised?.length, 2);
  assert.equal(ready?.sent, undefined);
  assert.equal(ready?.promised, undefined);
});

test("an event survives its line", () => {
  const { events } = runHistory(1, 300);
  assert.ok(events.length > 100);
  for (const event of events) assert.deepEqual(decodeTraceEvent(encodeTraceEvent(event)), event);
});

test("a reader refuses what is no line of this version", () => {
  const line = encodeTraceEvent(campaignTraced()[0] as TraceEvent);
  const wrong = [
    "",
    "null",
    "[]",
    line.slice(0, -1),
    line.replace('"version":1', '"version":2'),
    line.replace('"kind":"campaign"', '"kind":"dance"'),
    line.replace('"node":1', '"knot":1'),
    " ".repeat(traceLineLengthMax + 1),
  ];
  for (const text of wrong) assert.throws(() => decodeTraceEvent(text), DecodeError, text.slice(0, 80));
});

test("entries show their CRC and what a change says, contexts their digits", () => {
  const change = encodeConfChange({
    transition: "implicit",
    changes: [{ op: "add-voter", id: toNodeId(4) }],
    context: utf8Encode("address"),
  });
  const at = { term: toTerm(2), index: toLogIndex(9) };
  assert.deepEqual(traceEntry({ ...at, type: "conf-change-v2", data: change }).change, {
    transition: "implicit",
    changes: [{ op: "add-voter", id: 4 }],
  });
  // The check value of CRC-32C.
  const digits = traceEntry({ ...at, type: "normal", data: utf8Encode("123456789") });
  assert.deepEqual(digits, { ...at, type: "normal", bytes: 9, crc: 0xe3069283 });
  const heartbeat: Message = {
    type: "heartbeat-response",
    from: toNodeId(1),
    to: toNodeId(2),
    term: toTerm(3),
    context: new Uint8Array([1, 0xa0]),
  };
  assert.equal(traceMessage(heartbeat).context, "01a0");
});

test("a history is a function of its seed", () => {
  const lines = (seed: number): string[] => runHistory(seed, 400).events.map(encodeTraceEvent);
  assert.deepEqual(lines(5), lines(5));
  assert.notDeepEqual(lines(5), lines(6));
});

test("the histories hold crashes, partitions, membership changes, snapshots and commits", () => {
  const histories = Array.from({ length: 70 }, (_, i) => runHistory(i + 1, 1_000));
  const sum = (count: (history: (typeof histories)[number]) => number): number =>
    histories.reduce((total, history) => total + count(history), 0);
  const full = histories.filter(
    ({ crashCount, cutCount, confChangeCount }) => crashCount > 0 && cutCount > 0 && confChangeCount > 0,
  );
  assert.ok(full.length >= 50, `${full.length} histories have everything`);
  assert.ok(sum(({ snapshotCount }) => snapshotCount) > 10);
  assert.ok(sum(({ committed }) => committed) > 300);
  const joint = full.filter(({ events }) =>
    events.some(({ state }) => state.confState.votersOutgoing.length > 0),
  );
  assert.ok(joint.length >= 25, `${joint.length} histories go through a joint configuration`);
});

const faults: readonly Fault[] = [
  "second-vote",
  "commit-by-counting",
  "early-ack",
  "early-request",
  "no-joint",
];
for (const fault of faults) {
  test(`a planted mistake shows in some history: ${fault}`, () => {
    const seeds = Array.from({ length: 100 }, (_, i) => i + 1);
    const faulty = seeds.find((seed) => runHistory(seed, 1_000, fault).faulty);
    assert.notEqual(faulty, undefined);
    assert.equal(runHistory(faulty ?? 1, 1_000).faulty, false);
  });
}
