/** Requests that a server should rather not get: what each asks, as bytes, in the order in which they are sent. */
import { utf8Encode } from "@quorate/base";
import {
  Auth,
  Cluster,
  Compare_CompareResult,
  Compare_CompareTarget,
  create,
  type DescMessage,
  type DescMethod,
  KV,
  Lease,
  Maintenance,
  type MessageInitShape,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RequestOpSchema,
  type TxnRequestSchema,
  toBinary,
} from "@quorate/etcd/messages";
import { pathOf } from "../crash/members.ts";

/** One request of a method with one answer. */
export interface Case {
  readonly name: string;
  readonly path: string;
  readonly request: Uint8Array;
}

/** A number that the enumeration does not have; on the wire it is one like the others. */
function strange<T extends number>(value: number): T {
  return value as T;
}

type Op = MessageInitShape<typeof RequestOpSchema>;
type Txn = MessageInitShape<typeof TxnRequestSchema>;

const text = utf8Encode;
const longMax = 2n ** 63n - 1n;
const mib = 1024 * 1024;

function ask<Request extends DescMessage>(
  name: string,
  method: DescMethod & { readonly input: Request },
  init: MessageInitShape<Request>,
): Case {
  return { name, path: pathOf(method), request: toBinary(method.input, create(method.input, init)) };
}

const putOp = (key: string): Op => ({
  request: { case: "requestPut", value: { key: text(key), value: text("v") } },
});
const deleteOp = (key: string, rangeEnd = ""): Op => ({
  request: { case: "requestDeleteRange", value: { key: text(key), rangeEnd: text(rangeEnd) } },
});
const rangeOp = (init: MessageInitShape<typeof KV.method.range.input>): Op => ({
  request: { case: "requestRange", value: init },
});
const txnOp = (value: Txn): Op => ({ request: { case: "requestTxn", value } });

function nested(depth: number): Txn {
  return depth === 0 ? { success: [putOp("bad/nested")] } : { success: [txnOp(nested(depth - 1))] };
}

/** What the others stand on: two versions of a key, a compaction between, a lease. */
export const preparation: readonly Case[] = [
  ask("put", KV.method.put, { key: text("a"), value: text("1") }),
  ask("put again", KV.method.put, { key: text("a"), value: text("2") }),
  ask("put another", KV.method.put, { key: text("b"), value: text("3") }),
  ask("compact", KV.method.compact, { revision: 3n, physical: true }),
  ask("grant", Lease.method.leaseGrant, { ID: 7n, TTL: 600n }),
];

const ranges: readonly Case[] = [
  ask("range: no key", KV.method.range, {}),
  ask("range: end before key", KV.method.range, { key: text("b"), rangeEnd: text("a") }),
  ask("range: end is key", KV.method.range, { key: text("a"), rangeEnd: text("a") }),
  ask("range: from the lowest key on", KV.method.range, { key: text("\0"), rangeEnd: text("\0") }),
  ask("range: end without key", KV.method.range, { rangeEnd: text("\0") }),
  ask("range: limit −1", KV.method.range, { key: text("a"), rangeEnd: text("c"), limit: -1n }),
  ask("range: limit 2^63−1", KV.method.range, { key: text("a"), rangeEnd: text("c"), limit: longMax }),
  ask("range: revision −1", KV.method.range, { key: text("a"), revision: -1n }),
  ask("range: revision 2^63−1", KV.method.range, { key: text("a"), revision: longMax }),
  ask("range: revision −2^63", KV.method.range, { key: text("a"), revision: -(2n ** 63n) }),
  ask("range: future revision", KV.method.range, { key: text("a"), revision: 1000n }),
  ask("range: compacted revision", KV.method.range, { key: text("a"), revision: 2n }),
  ask("range: the compact revision itself", KV.method.range, { key: text("a"), revision: 3n }),
  ask("range: order out of range", KV.method.range, { key: text("a"), sortOrder: strange(9) }),
  ask("range: target out of range", KV.method.range, { key: text("a"), sortTarget: strange(9) }),
  ask("range: both out of range", KV.method.range, {
    key: text("a"),
    rangeEnd: text("c"),
    sortOrder: strange(-1),
    sortTarget: strange(77),
  }),
  ask("range: sorted by value", KV.method.range, {
    key: text("a"),
    rangeEnd: text("c"),
    sortOrder: RangeRequest_SortOrder.DESCEND,
    sortTarget: RangeRequest_SortTarget.VALUE,
  }),
  ask("range: count only and keys only", KV.method.range, {
    key: text("a"),
    countOnly: true,
    keysOnly: true,
  }),
  ask("range: bounds that exclude each other", KV.method.range, {
    key: text("a"),
    rangeEnd: text("c"),
    minModRevision: longMax,
    maxModRevision: 1n,
  }),
  ask("range: key of 64 KiB", KV.method.range, { key: new Uint8Array(65_536).fill(0xff) }),
];

const writes: readonly Case[] = [
  ask("put: no key", KV.method.put, { value: text("v") }),
  ask("put: key is one zero byte", KV.method.put, { key: text("\0"), value: text("v") }),
  ask("put: key that is no UTF-8", KV.method.put, { key: new Uint8Array([0xff, 0xfe]), value: text("v") }),
  ask("put: key of 64 KiB", KV.method.put, { key: new Uint8Array(65_536).fill(0x61) }),
  ask("put: ignore value of nothing", KV.method.put, { key: text("bad/none"), ignoreValue: true }),
  ask("put: ignore value, and a value", KV.method.put, {
    key: text("a"),
    value: text("v"),
    ignoreValue: true,
  }),
  ask("put: ignore lease of nothing", KV.method.put, { key: text("bad/none"), ignoreLease: true }),
  ask("put: ignore lease, and a lease", KV.method.put, { key: text("a"), lease: 7n, ignoreLease: true }),
  ask("put: lease that is not there", KV.method.put, { key: text("a"), lease: 8n }),
  ask("put: lease −1", KV.method.put, { key: text("a"), lease: -1n }),
  ask("put: 1.5 MiB", KV.method.put, { key: text("bad/large"), value: new Uint8Array(1.5 * mib) }),
  ask("put: as long as may be", KV.method.put, { key: text("bad/large"), value: new Uint8Array(1.4 * mib) }),
  ask("put: longer than any message", KV.method.put, {
    key: text("bad/l"),
    value: new Uint8Array(2.1 * mib),
  }),
  ask("delete: no key", KV.method.deleteRange, {}),
  ask("delete: end before key", KV.method.deleteRange, { key: text("b"), rangeEnd: text("a") }),
  ask("delete: nothing there", KV.method.deleteRange, { key: text("bad/none"), prevKv: true }),
  ask("compact: revision 0", KV.method.compact, {}),
  ask("compact: revision −1", KV.method.compact, { revision: -1n }),
  ask("compact: again", KV.method.compact, { revision: 3n }),
  ask("compact: before", KV.method.compact, { revision: 2n }),
  ask("compact: future", KV.method.compact, { revision: 1000n }),
  ask("compact: 2^63−1", KV.method.compact, { revision: longMax }),
];

const compareOf = (target: Compare_CompareTarget, key = "a") => ({
  key: text(key),
  target,
  result: Compare_CompareResult.EQUAL,
});

const transactions: readonly Case[] = [
  ask("txn: nothing", KV.method.txn, {}),
  ask("txn: operation without a request", KV.method.txn, { success: [{}] }),
  ask("txn: 128 operations", KV.method.txn, {
    success: Array.from({ length: 128 }, (_, i) => putOp(`bad/t/${i}`)),
  }),
  ask("txn: 129 operations", KV.method.txn, {
    success: Array.from({ length: 129 }, (_, i) => putOp(`bad/t/${i}`)),
  }),
  ask("txn: 129 compares", KV.method.txn, {
    compare: Array.from({ length: 129 }, () => compareOf(Compare_CompareTarget.VERSION)),
  }),
  ask("txn: 129 operations that are not chosen", KV.method.txn, {
    failure: Array.from({ length: 129 }, (_, i) => putOp(`bad/t/${i}`)),
  }),
  ask("txn: nested 3 deep", KV.method.txn, nested(3)),
  ask("txn: nested 100 deep", KV.method.txn, nested(100)),
  ask("txn: a key put twice", KV.method.txn, { success: [putOp("bad/x"), putOp("bad/x")] }),
  ask("txn: a key put, and a range over it deleted", KV.method.txn, {
    success: [putOp("bad/x"), deleteOp("bad/", "bad0")],
  }),
  ask("txn: two deletes that overlap", KV.method.txn, {
    success: [deleteOp("bad/x"), deleteOp("bad/", "bad0")],
  }),
  ask("txn: a key put in both branches of a nested one", KV.method.txn, {
    success: [txnOp({ success: [putOp("bad/y")], failure: [putOp("bad/y")] })],
  }),
  ask("txn: a key put outside and inside", KV.method.txn, {
    success: [putOp("bad/y"), txnOp({ success: [putOp("bad/y")] })],
  }),
  ask("txn: an operation that fails undoes the rest", KV.method.txn, {
    success: [putOp("bad/undone"), rangeOp({ key: text("a"), revision: 1000n })],
  }),
  ask("txn: what was undone", KV.method.range, { key: text("bad/undone") }),
  ask("txn: a range of compacted revisions", KV.method.txn, {
    success: [rangeOp({ key: text("a"), revision: 1n })],
  }),
  ask("txn: a put without key", KV.method.txn, { success: [putOp("")] }),
  ask("txn: a compare without key", KV.method.txn, {
    compare: [compareOf(Compare_CompareTarget.VERSION, "")],
  }),
  ask("txn: a compare without a value", KV.method.txn, { compare: [compareOf(Compare_CompareTarget.VALUE)] }),
  ask("txn: a compare's target out of range", KV.method.txn, {
    compare: [{ key: text("a"), target: strange(9), result: 0 }],
  }),
  ask("txn: a compare's result out of range", KV.method.txn, {
    compare: [{ key: text("a"), target: 0, result: strange(9) }],
  }),
];

const others: readonly Case[] = [
  ask("grant: TTL 0", Lease.method.leaseGrant, { ID: 11n }),
  ask("grant: TTL −1", Lease.method.leaseGrant, { ID: 12n, TTL: -1n }),
  ask("grant: TTL 9e9", Lease.method.leaseGrant, { ID: 13n, TTL: 9_000_000_000n }),
  ask("grant: TTL 9e9+1", Lease.method.leaseGrant, { ID: 14n, TTL: 9_000_000_001n }),
  ask("grant: id that is taken", Lease.method.leaseGrant, { ID: 7n, TTL: 600n }),
  ask("grant: id −1", Lease.method.leaseGrant, { ID: -1n, TTL: 600n }),
  ask("grant: id 2^63−1", Lease.method.leaseGrant, { ID: longMax, TTL: 600n }),
  ask("revoke: id 0", Lease.method.leaseRevoke, {}),
  ask("revoke: id that is not there", Lease.method.leaseRevoke, { ID: 99n }),
  ask("time to live: id 0", Lease.method.leaseTimeToLive, { keys: true }),
  ask("time to live: id −2", Lease.method.leaseTimeToLive, { ID: -2n }),
  ask("member add: no URL", Cluster.method.memberAdd, {}),
  ask("member add: no URL at all", Cluster.method.memberAdd, { peerURLs: ["nonsense"] }),
  ask("member add: scheme", Cluster.method.memberAdd, { peerURLs: ["ftp://127.0.0.1:1"] }),
  ask("member remove: id 0", Cluster.method.memberRemove, {}),
  ask("member remove: id 2^64−1", Cluster.method.memberRemove, { ID: 2n ** 64n - 1n }),
  ask("member promote: id 1", Cluster.method.memberPromote, { ID: 1n }),
  ask("member update: id 1", Cluster.method.memberUpdate, { ID: 1n, peerURLs: ["http://127.0.0.1:1"] }),
  ask("hash: future revision", Maintenance.method.hashKV, { revision: 100_000n }),
  ask("hash: compacted revision", Maintenance.method.hashKV, { revision: 1n }),
  ask("move leader: to nobody", Maintenance.method.moveLeader, { targetID: 5n }),
  ask("downgrade: no version", Maintenance.method.downgrade, { action: 0 }),
  ask("downgrade: nonsense", Maintenance.method.downgrade, { action: 0, version: "x.y" }),
  ask("downgrade: action out of range", Maintenance.method.downgrade, { action: strange(9) }),
  ask("authenticate: while it is off", Auth.method.authenticate, { name: "root", password: "x" }),
  ask("auth enable: without root", Auth.method.authEnable, {}),
  ask("user add: no name", Auth.method.userAdd, { password: "x" }),
  ask("user get: nobody", Auth.method.userGet, { name: "nobody" }),
  ask("user delete: nobody", Auth.method.userDelete, { name: "nobody" }),
  ask("role add: no name", Auth.method.roleAdd, {}),
  ask("role get: none", Auth.method.roleGet, { role: "none" }),
  ask("role grant: none", Auth.method.roleGrantPermission, { name: "none", perm: { key: text("k") } }),
  ask("role grant: nothing", Auth.method.roleGrantPermission, { name: "none" }),
  ask("user grant: nobody", Auth.method.userGrantRole, { user: "nobody", role: "root" }),
  { name: "a method that is none", path: "/etcdserverpb.KV/Nonsense", request: new Uint8Array(0) },
  { name: "a service that is none", path: "/nonsense.KV/Range", request: new Uint8Array(0) },
  { name: "a path in the wrong case", path: "/etcdserverpb.kv/range", request: new Uint8Array(0) },
  { name: "a path with a slash behind", path: "/etcdserverpb.KV/Range/", request: new Uint8Array(0) },
  { name: "a path that is escaped", path: "/etcdserverpb.KV/%52ange", request: new Uint8Array(0) },
];

/** ETCD: this one ends the process that is asked, of release 3.7.3. */
export const fatalToEtcd: readonly Case[] = [
  ask("alarm: action out of range", Maintenance.method.alarm, { action: strange(9) }),
];

/** All others. */
export const cases: readonly Case[] = [...ranges, ...writes, ...transactions, ...others];
