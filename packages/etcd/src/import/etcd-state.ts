/**
 * What etcd keeps in its file, bucket by bucket, as a state that an image can be made of: history, leases, users and roles. Who its
 * members were, and their alarms, stay behind: what is made of it is another cluster.
 */
import { compareBytes, DecodeError, emptyBytes, utf8Decode, utf8Encode } from "@quorate/base";
import {
  type AuthAccess,
  type AuthPermission,
  type AuthRole,
  type AuthUser,
  comparePermissions,
  type ForeignAuth,
  type ForeignState,
  type ForeignVersion,
  isPermissionRange,
  type KvLease,
  leaseTtlSecondsMax,
} from "@quorate/kv";
import { ProtoReader, wireType } from "../codec/proto-reader.ts";
import { type PageEntry, PageFile, type PagePort } from "./page-file.ts";

/** A key of the history: main revision, `_`, place in the transaction; `t` behind it for a deletion. Big-endian. */
const revisionBytes = 17;
const underscore = 0x5f;
const tombstoneMark = 0x74;

/**
 * Reads etcd's file. The history is read as the result's `base` and `log` are gone through, once and in that order.
 *
 * @throws DecodeError, here and then, for a file that is damaged or is not etcd's, with the place in the file.
 */
export function readEtcdState(port: PagePort): ForeignState {
  const file = new PageFile(port);
  const keys = file.bucket("key");
  const meta = file.bucket("meta");
  if (keys === null || meta === null) {
    throw new DecodeError("no buckets of etcd's: this is the file of another program,", 0);
  }
  const facts = readMeta(meta);
  const { base, last, log } = readHistory(keys, facts.compactRevision);
  return {
    appliedIndex: facts.appliedIndex,
    appliedTerm: facts.appliedTerm,
    // ETCD: a compaction may have taken the last revision.
    revision: Math.max(1, last, facts.compactRevision),
    compactRevision: facts.compactRevision,
    base,
    log,
    leases: readLeases(file.bucket("lease") ?? []),
    auth: {
      ...readAuthFacts(file.bucket("auth") ?? []),
      users: readNamed(file.bucket("authUsers") ?? [], readUser),
      roles: readNamed(file.bucket("authRoles") ?? [], readRole),
    },
  };
}

interface MetaFacts {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly compactRevision: number;
}

function readMeta(bucket: Iterable<PageEntry>): MetaFacts {
  const found = new Map([...bucket].map((entry) => [utf8Decode(entry.key), entry]));
  const number = (name: string): number => {
    const entry = found.get(name);
    return entry === undefined ? 0 : bigEndian(entry.value, 0, entry.valueAt);
  };
  // ETCD: one that was begun is finished by whoever starts next.
  const compacted = ["finishedCompactRev", "scheduledCompactRev"].flatMap((name) => {
    const entry = found.get(name);
    return entry === undefined ? [] : [revisionOf(entry.value, entry.valueAt).main];
  });
  return {
    appliedIndex: number("consistent_index"),
    appliedTerm: number("term"),
    compactRevision: Math.max(-1, ...compacted),
  };
}

/** A number of eight bytes, the highest first. */
function bigEndian(bytes: Uint8Array, start: number, at: number): number {
  if (bytes.length < start + 8) {
    throw new DecodeError("a number of less than eight bytes", at);
  }
  let value = 0;
  for (let i = start; i < start + 8; i++) {
    value = value * 256 + (bytes[i] ?? 0);
  }
  if (!Number.isSafeInteger(value)) {
    throw new DecodeError("a number beyond all that is counted", at);
  }
  return value;
}

function revisionOf(bytes: Uint8Array, at: number): { readonly main: number; readonly tombstone: boolean } {
  const tombstone = bytes.length === revisionBytes + 1 && bytes[revisionBytes] === tombstoneMark;
  if ((bytes.length !== revisionBytes && !tombstone) || bytes[8] !== underscore) {
    throw new DecodeError("a revision that is none", at);
  }
  return { main: bigEndian(bytes, 0, at), tombstone };
}

interface History {
  readonly base: readonly ForeignVersion[];
  readonly log: Iterable<ForeignVersion>;
  /** The newest revision; 0 where there is none. */
  readonly last: number;
}

/**
 * Parts the history at the compact revision. Of what is older, the newest version of each key counts; all of it may still be there,
 * because etcd sweeps later.
 */
function readHistory(bucket: Iterable<PageEntry>, compactRevision: number): History {
  const shown = new Map<string, ForeignVersion>();
  let last = 0;
  for (const entry of bucket) {
    const { main, tombstone } = revisionOf(entry.key, entry.valueAt);
    last = main;
    if (main <= compactRevision) {
      const version = versionOf(entry, main, tombstone);
      const name = latin1(version.key);
      shown.delete(name);
      if (!tombstone && main < compactRevision) {
        // The page that holds it is let go of.
        shown.set(name, { ...version, key: version.key.slice(), value: version.value.slice() });
      }
    }
  }
  const base = [...shown.values()].toSorted((left, right) => compareBytes(left.key, right.key));
  return { base, log: logOf(bucket, compactRevision), last };
}

function* logOf(bucket: Iterable<PageEntry>, compactRevision: number): Generator<ForeignVersion> {
  for (const entry of bucket) {
    const { main, tombstone } = revisionOf(entry.key, entry.valueAt);
    if (main >= compactRevision) {
      yield versionOf(entry, main, tombstone);
    }
  }
}

/** Bytes as the key of a map. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += String.fromCharCode(byte);
  }
  return text;
}

/** mvccpb.KeyValue. */
function versionOf({ value: bytes, valueAt }: PageEntry, main: number, tombstone: boolean): ForeignVersion {
  const found = {
    key: emptyBytes,
    createRevision: 0,
    modRevision: tombstone ? main : 0,
    version: 0,
    value: emptyBytes,
    lease: 0n,
  };
  readFields(bytes, valueAt, {
    [bytesOf(1)]: (reader, end) => {
      found.key = reader.bytes(end);
    },
    [varint(2)]: (reader, end) => {
      found.createRevision = reader.int64(end);
    },
    [varint(3)]: (reader, end) => {
      found.modRevision = reader.int64(end);
    },
    [varint(4)]: (reader, end) => {
      found.version = reader.int64(end);
    },
    [bytesOf(5)]: (reader, end) => {
      found.value = reader.bytes(end);
    },
    [varint(6)]: (reader, end) => {
      found.lease = BigInt.asIntN(64, reader.int64Exact(end));
    },
  });
  const { createRevision, key, modRevision, version } = found;
  const isNumbered =
    createRevision > 0 &&
    createRevision <= modRevision &&
    version > 0 &&
    (version === 1) === (createRevision === modRevision);
  if (key.length === 0 || modRevision !== main || (!tombstone && !isNumbered)) {
    throw new DecodeError("a version of a key whose numbers do not fit together", valueAt);
  }
  return { ...found, tombstone };
}

/** By tag; a field of another wire type is passed over, as protobuf asks. */
type FieldReaders = Readonly<Record<number, (reader: ProtoReader, end: number) => void>>;

const varint = (field: number): number => field * 8 + wireType.varint;
const bytesOf = (field: number): number => field * 8 + wireType.bytes;

/** Goes through a message; errors name the place in the file. */
function readFields(bytes: Uint8Array, at: number, fields: FieldReaders): void {
  const reader = new ProtoReader(bytes);
  try {
    while (reader.offset < bytes.length) {
      const tag = reader.tag(bytes.length);
      const read = fields[tag];
      if (read === undefined) {
        reader.skip(tag, bytes.length);
      } else {
        read(reader, bytes.length);
      }
    }
  } catch (error) {
    if (error instanceof DecodeError) {
      throw new DecodeError("a value that does not decode", at + error.offset);
    }
    throw error;
  }
}

/** leasepb.Lease, by ascending id, where the bucket has them by their bytes. */
function readLeases(bucket: Iterable<PageEntry>): KvLease[] {
  const leases: KvLease[] = [];
  for (const { value, valueAt } of bucket) {
    const found = { id: 0n, ttlSeconds: 0, remainingSeconds: 0 };
    readFields(value, valueAt, {
      [varint(1)]: (reader, end) => {
        found.id = BigInt.asIntN(64, reader.int64Exact(end));
      },
      [varint(2)]: (reader, end) => {
        found.ttlSeconds = reader.int64(end);
      },
      [varint(3)]: (reader, end) => {
        found.remainingSeconds = reader.int64(end);
      },
    });
    const { id, remainingSeconds, ttlSeconds } = found;
    if (id === 0n || ttlSeconds < 1 || ttlSeconds > leaseTtlSecondsMax || remainingSeconds < 0) {
      throw new DecodeError("a lease that cannot be", valueAt);
    }
    leases.push({ id, ttlSeconds, remainingSeconds: Math.min(remainingSeconds, ttlSeconds) });
  }
  return leases.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

function readAuthFacts(bucket: Iterable<PageEntry>): Pick<ForeignAuth, "enabled" | "revision"> {
  let enabled = false;
  let revision = 1;
  for (const { key, value, valueAt } of bucket) {
    const name = utf8Decode(key);
    if (name === "authEnabled") {
      enabled = value[0] === 1;
    } else if (name === "authRevision") {
      revision = Math.max(1, bigEndian(value, 0, valueAt));
    }
  }
  return { enabled, revision };
}

/** All of a bucket; they come by the bytes of their names, which is the order that is wanted. */
function readNamed<T extends { readonly name: string }>(
  bucket: Iterable<PageEntry>,
  read: (entry: PageEntry) => T,
): T[] {
  const found: T[] = [];
  for (const entry of bucket) {
    const item = read(entry);
    if (item.name === "" || item.name !== utf8Decode(entry.key)) {
      throw new DecodeError("a name that is not that of its place", entry.valueAt);
    }
    found.push(item);
  }
  return found;
}

/** authpb.User. */
function readUser({ value, valueAt }: PageEntry): AuthUser {
  const user = { name: "", passwordHash: "", roles: new Set<string>() };
  readFields(value, valueAt, {
    [bytesOf(1)]: (reader, end) => {
      user.name = readText(reader, end);
    },
    [bytesOf(2)]: (reader, end) => {
      user.passwordHash = readText(reader, end);
    },
    [bytesOf(3)]: (reader, end) => {
      user.roles.add(readText(reader, end));
    },
  });
  return {
    name: user.name,
    // ETCD: who has no password has an empty one, with which nobody gets in.
    passwordHash: user.passwordHash === "" ? null : user.passwordHash,
    roles: [...user.roles].toSorted((left, right) => compareBytes(utf8Encode(left), utf8Encode(right))),
  };
}

/** authpb.Role. */
function readRole({ value, valueAt }: PageEntry): AuthRole {
  let name = "";
  const permissions: AuthPermission[] = [];
  readFields(value, valueAt, {
    [bytesOf(1)]: (reader, end) => {
      name = readText(reader, end);
    },
    [bytesOf(2)]: (reader, end) => {
      const at = valueAt + reader.offset;
      const permission = readPermission(reader.bytes(end), at);
      if (permission !== null) {
        permissions.push(permission);
      }
    },
  });
  permissions.sort(comparePermissions);
  const isTwice = permissions.some((one, place) => {
    const before = permissions[place - 1];
    return before !== undefined && comparePermissions(before, one) === 0;
  });
  if (isTwice) {
    throw new DecodeError("a role with two permissions for one range", valueAt);
  }
  return { name, permissions };
}

const accesses: readonly AuthAccess[] = ["read", "write", "read-write"];

/** authpb.Permission; null for one of a kind that nobody knows, which gives nothing in etcd either. */
function readPermission(bytes: Uint8Array, at: number): AuthPermission | null {
  const found = { kind: 0, key: emptyBytes, rangeEnd: emptyBytes };
  readFields(bytes, at, {
    [varint(1)]: (reader, end) => {
      found.kind = reader.enumNumber(end);
    },
    [bytesOf(2)]: (reader, end) => {
      found.key = reader.bytes(end).slice();
    },
    [bytesOf(3)]: (reader, end) => {
      found.rangeEnd = reader.bytes(end).slice();
    },
  });
  const access = accesses[found.kind];
  if (access === undefined) {
    return null;
  }
  if (!isPermissionRange(found.key, found.rangeEnd)) {
    throw new DecodeError("a permission for no range of keys", at);
  }
  return { access, key: found.key, rangeEnd: found.rangeEnd };
}

/** ETCD: a name may be as long as a request; here less. */
const textBytesMax = 64 * 1024;

function readText(reader: ProtoReader, end: number): string {
  const at = reader.offset;
  const bytes = reader.bytes(end);
  const text = bytes.length > textBytesMax ? null : utf8Decode(bytes);
  if (text === null) {
    throw new DecodeError("text too long, or none", at);
  }
  return text;
}
