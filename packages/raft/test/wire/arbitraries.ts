/** Frames by chance, every kind of them. */
import { type Entry, type NodeId, type PeerFrame, toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import fc from "fast-check";

/** Plain objects, as a decoder makes them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const bytes = fc.uint8Array({ maxLength: 40 });
const node: fc.Arbitrary<NodeId> = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(toNodeId);
const term = fc.nat().map(toTerm);
const index = fc.nat().map(toLogIndex);
const logId = record({ term, index });
const members = fc.array(node, { maxLength: 5 });
const snapshot = record({
  index,
  term,
  confState: record({
    voters: members,
    learners: members,
    votersOutgoing: members,
    learnersNext: members,
    autoLeave: fc.boolean(),
  }),
});
const entryType = fc.constantFrom<Entry["type"]>("normal", "conf-change", "conf-change-v2");
const drafts = fc.array(record({ type: entryType, term, data: bytes }), { maxLength: 6 });
const header = { from: node, to: node, term };
const kind = <Type extends string>(type: Type): fc.Arbitrary<Type> => fc.constant(type);

const message = fc.oneof(
  fc.tuple(record({ ...header, previous: logId, commit: index }), drafts).map(([fields, entries]) => ({
    type: "append-entries" as const,
    ...fields,
    entries: entries.map((entry, i) => ({ ...entry, index: toLogIndex(fields.previous.index + 1 + i) })),
  })),
  record({ type: kind("append-response"), ...header, rejected: fc.constant(false as const), index }),
  record({
    type: kind("append-response"),
    ...header,
    rejected: fc.constant(true as const),
    index,
    hint: logId,
  }),
  record({
    type: fc.constantFrom("request-vote" as const, "pre-vote" as const),
    ...header,
    last: logId,
    leadershipTransfer: fc.boolean(),
  }),
  record({
    type: fc.constantFrom("vote-response" as const, "pre-vote-response" as const),
    ...header,
    granted: fc.boolean(),
  }),
  record({ type: kind("heartbeat"), ...header, commit: index, context: bytes }),
  record({ type: kind("heartbeat-response"), ...header, context: bytes }),
  record({ type: kind("install-snapshot"), ...header, snapshot }),
  record({ type: kind("timeout-now"), ...header }),
  fc.tuple(record(header), drafts).map(([fields, entries]) => ({
    type: "forward-proposal" as const,
    ...fields,
    entries: entries.map((entry) => ({ ...entry, index: toLogIndex(0) })),
  })),
  record({ type: kind("read-index"), ...header, context: bytes }),
  record({ type: kind("read-index-response"), ...header, index, context: bytes }),
  record({ type: kind("transfer-leadership"), ...header }),
);

/** The frames of the first day, in the order from which their golden bytes were drawn: later kinds go into {@link peerFrame}. */
export const firstFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  { weight: 4, arbitrary: record({ kind: kind("message"), message }) },
  record({ kind: kind("propose"), term, requestId: fc.nat(), commands: fc.array(bytes, { maxLength: 5 }) }),
  record({ kind: kind("propose-accepted"), requestId: fc.nat(), term, firstIndex: index, count: fc.nat() }),
  record({
    kind: kind("propose-refused"),
    requestId: fc.nat(),
    reason: fc.constantFrom("no-leader" as const, "too-large" as const, "stopped" as const),
    leader: node,
  }),
  record({
    kind: kind("snapshot-chunk"),
    snapshot,
    term,
    totalBytes: fc.nat(),
    offset: fc.nat(),
    chunk: bytes,
  }),
  record({ kind: kind("snapshot-answer"), snapshot, offset: fc.nat(), failed: fc.boolean() }),
);

/** Any frame that a host may send. */
export const peerFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  { weight: 9, arbitrary: firstFrame },
  record({
    kind: kind("request"),
    term,
    requestId: fc.nat(),
    channel: fc.integer({ min: 1, max: 65_535 }),
    bytes,
  }),
  record({
    kind: kind("answer"),
    requestId: fc.nat(),
    refusal: fc.constantFrom(null, "not-leader" as const, "unknown-channel" as const, "too-many" as const),
    leader: node,
    bytes,
  }),
  record({ kind: kind("repair-request"), requestId: fc.nat(), term, previous: logId }),
  fc
    .tuple(
      record({
        requestId: fc.nat(),
        term,
        outcome: fc.constantFrom("entries" as const, "conflict" as const, "snapshot" as const),
        previous: logId,
        last: logId,
        commit: index,
        hash: fc.nat(),
      }),
      drafts,
    )
    .map(([fields, entries]) => ({
      kind: "repair-answer" as const,
      ...fields,
      entries: entries.map((entry, i) => ({ ...entry, index: toLogIndex(fields.previous.index + 1 + i) })),
    })),
);
