/** Values for property tests: requests as protobuf-es builds them, results as the store gives them. */
import type { KeyValue, ResponseOp } from "@quorate/kv";
import { toRevision } from "@quorate/kv";
import fc from "fast-check";

const seed = 20260711;
export const runs = { seed, numRuns: 300 };

export const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 });
export const int64: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 127n, 128n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const counter: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  fc.nat({ max: 1_000_000 }),
);

const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  createRevision: counter.map(toRevision),
  modRevision: counter.map(toRevision),
  version: counter,
  value: bytes,
  lease: int64,
});

const keyValues = fc.array(keyValue, { maxLength: 4 });
const revision = counter.map(toRevision);

export const rangeResult = fc
  .record({
    type: fc.constant("range" as const),
    revision,
    kvs: keyValues,
    more: fc.boolean(),
    count: counter,
  })
  .map((result) => result);

export const putResult = fc.record({
  type: fc.constant("put" as const),
  revision,
  prevKv: fc.option(keyValue, { nil: null }),
});

export const deleteRangeResult = fc
  .record({ type: fc.constant("delete-range" as const), revision, prevKvs: keyValues })
  .chain((result) =>
    fc.record({
      type: fc.constant(result.type),
      revision: fc.constant(result.revision),
      prevKvs: fc.constant(result.prevKvs),
      deleted: result.prevKvs.length === 0 ? counter : fc.constant(result.prevKvs.length),
    }),
  );

export const responseOp: fc.Arbitrary<ResponseOp> = fc.letrec<{ op: ResponseOp }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 4, depthIdentifier: "op" },
    putResult,
    rangeResult,
    deleteRangeResult,
    fc.record({
      type: fc.constant("txn" as const),
      revision,
      succeeded: fc.boolean(),
      responses: fc.array(tie("op"), { maxLength: 4, depthIdentifier: "op" }),
    }),
  ),
})).op;

/** The nearest safe integer, as the decoders promise. */
export function saturate(value: bigint): number {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}
