/** Random requests for property tests, over few keys, so that they meet. */
import type {
  AuthAction,
  Command,
  Compare,
  CompareOperand,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/kv";
import fc from "fast-check";

const latin = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

const keyBytes: fc.Arbitrary<Uint8Array> = fc
  .constantFrom("a", "aa", "ab", "b", "b\0", "c", "\0", "\xff", "\xff\xff", "a/1", "a/2", "a/3")
  .map(latin);
const rangeEnd = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("", "\0", "b", "c", "a0", "\xff").map(latin) },
  { weight: 1, arbitrary: keyBytes },
);
const value = fc.oneof(
  fc.constantFrom("", "v", "w", "long value ".repeat(30)).map(latin),
  fc.uint8Array({ maxLength: 40 }),
);
const revision = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -3, max: 60 }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
);
const rarely = fc.integer({ min: 0, max: 5 }).map((n) => n === 0);
const bound = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: revision });

/** Few leases, so that they meet. */
const leaseId: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(5n, -5n, 2n ** 63n - 1n, -(2n ** 63n)) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
);
const seconds = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(9e9, 9e9 + 1));

export const leaseArb: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("lease-grant" as const), id: leaseId, ttlSeconds: seconds }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("lease-revoke" as const),
      id: leaseId,
      fenceTerm: fc.constantFrom(0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("lease-checkpoint" as const),
      fenceTerm: fc.constantFrom(0, 1),
      remaining: fc.array(fc.record({ id: leaseId, remainingSeconds: fc.oneof(fc.constant(0), seconds) }), {
        maxLength: 3,
      }),
    }),
  },
) as fc.Arbitrary<Command>;

export const putArb = fc.record({
  type: fc.constant("put" as const),
  key: keyBytes,
  value,
  lease: fc.oneof({ weight: 4, arbitrary: fc.constant(0n) }, { weight: 2, arbitrary: leaseId }),
  prevKv: fc.boolean(),
  ignoreValue: rarely,
  ignoreLease: rarely,
});
export const deleteArb = fc.record({
  type: fc.constant("delete-range" as const),
  key: keyBytes,
  rangeEnd,
  prevKv: fc.boolean(),
});
export const rangeArb: fc.Arbitrary<RangeRequest> = fc.record({
  type: fc.constant("range" as const),
  key: keyBytes,
  rangeEnd,
  limit: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 5 })),
  revision,
  sortOrder: fc.constantFrom("none" as const, "ascend" as const, "descend" as const),
  sortTarget: fc.constantFrom(
    "key" as const,
    "version" as const,
    "create" as const,
    "mod" as const,
    "value" as const,
  ),
  serializable: fc.boolean(),
  keysOnly: rarely,
  countOnly: rarely,
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});
const operand: fc.Arbitrary<CompareOperand> = fc.oneof(
  fc.record({
    target: fc.constantFrom("version" as const, "create" as const, "mod" as const),
    value: fc.integer({ min: -1, max: 12 }),
  }),
  fc.record({ target: fc.constant("value" as const), value }),
  fc.record({ target: fc.constant("lease" as const), value: fc.constantFrom(0n, 5n, -5n) }),
  fc.record({ target: fc.constant("unknown" as const) }),
);
const compareArb: fc.Arbitrary<Compare> = fc
  .tuple(
    operand,
    fc.record({
      key: keyBytes,
      rangeEnd: fc.oneof(
        { weight: 3, arbitrary: fc.constant(latin("")) },
        { weight: 1, arbitrary: rangeEnd },
      ),
      result: fc.constantFrom(
        "equal" as const,
        "greater" as const,
        "less" as const,
        "not-equal" as const,
        "unknown" as const,
      ),
    }),
  )
  .map(([left, right]) => ({ ...right, ...left }));

export const txnArb: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    putArb as fc.Arbitrary<RequestOp>,
    rangeArb as fc.Arbitrary<RequestOp>,
    deleteArb as fc.Arbitrary<RequestOp>,
    tie("txn"),
  ),
  txn: fc.record({
    type: fc.constant("txn" as const),
    compares: fc.array(compareArb, { maxLength: 2 }),
    success: fc.array(tie("op"), { maxLength: 4 }),
    failure: fc.array(tie("op"), { maxLength: 4 }),
  }),
})).txn;

const someName = fc.constantFrom("root", "ana", "ben", "r", "\u{1f511}", "\uffff");
const someHash = fc.constantFrom("$2b$04$a", "$2b$04$b");

const authAction: fc.Arbitrary<AuthAction> = fc.oneof(
  fc.record({ op: fc.constantFrom("enable" as const, "disable" as const) }),
  fc.record({
    op: fc.constant("authenticate" as const),
    user: someName,
    nonce: fc.constant("nonce"),
    checkedRevision: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    op: fc.constant("user-add" as const),
    user: someName,
    passwordHash: fc.oneof(fc.constant(null), someHash),
  }),
  fc.record({ op: fc.constant("user-change-password" as const), user: someName, passwordHash: someHash }),
  fc.record({ op: fc.constant("user-delete" as const), user: someName }),
  fc.record({
    op: fc.constantFrom("user-grant-role" as const, "user-revoke-role" as const),
    user: someName,
    role: someName,
  }),
  fc.record({ op: fc.constantFrom("role-add" as const, "role-delete" as const), role: someName }),
  fc.record({
    op: fc.constant("role-grant-permission" as const),
    role: someName,
    permission: fc.record({
      access: fc.constantFrom("read" as const, "write" as const, "read-write" as const),
      key: keyBytes,
      rangeEnd,
    }),
  }),
  fc.record({ op: fc.constant("role-revoke-permission" as const), role: someName, key: keyBytes, rangeEnd }),
);

/** Changes of access control, over few names. */
export const authArb: fc.Arbitrary<Command> = authAction.map((action) => ({ type: "auth", ...action }));
