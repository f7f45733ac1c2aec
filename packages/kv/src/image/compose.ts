/**
 * Makes an image of a state that another program kept: the bytes that {@link KvImage} would give for it, so that what comes in
 * takes the one way of every image, with all its checks.
 */
import { assert, ByteWriter } from "@quorate/base";
import { AuthImage } from "../auth/auth-image.ts";
import { type AuthState, isInitial } from "../auth/auth-state.ts";
import type { AuthRole, AuthUser } from "../auth/auth-types.ts";
import type { KvLease } from "../lease/lease-table.ts";
import { int64 } from "../request/codec-parts.ts";
import { versionFlag } from "./history.ts";
import { beginBlock, endBlock, imageFormatVersion, imageMagic } from "./image-format.ts";

/** One version of one key. */
export interface ForeignVersion {
  readonly key: Uint8Array;
  readonly modRevision: number;
  /** Whether it is the mark that the key was deleted; the rest is then without meaning. */
  readonly tombstone: boolean;
  readonly createRevision: number;
  /** Puts since the key was created, 1 for the first. */
  readonly version: number;
  readonly value: Uint8Array;
  /** 0n for none. */
  readonly lease: bigint;
}

/** Users and roles, each by ascending name; permissions by key, then by range end. */
export interface ForeignAuth {
  readonly enabled: boolean;
  /** Counts changes of rights, from 1. */
  readonly revision: number;
  readonly users: readonly AuthUser[];
  readonly roles: readonly AuthRole[];
}

/** All of a state. What is out of order, or does not fit together, is refused when the image is restored. */
export interface ForeignState {
  /** Where its log ended. */
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  /** Oldest revision that can be read; −1 when never compacted. */
  readonly compactRevision: number;
  /** In key order, what the compact revision shows and is older than it. */
  readonly base: Iterable<ForeignVersion>;
  /** In the order in which they were made, all versions from the compact revision on. */
  readonly log: Iterable<ForeignVersion>;
  /** By ascending id. */
  readonly leases: readonly KvLease[];
  readonly auth: ForeignAuth;
}

/** Bytes of a block, about. */
const blockBytes = 256 * 1024;

/** The image of `state`, block by block, for {@link KvStateMachine.restore}. */
export function* composeImage(state: ForeignState): Generator<Uint8Array, void, undefined> {
  const writer = new ByteWriter(1 << 16);
  yield headBlock(writer, state);
  const baseCount = yield* versionBlocks(writer, "base", state.base);
  const logCount = yield* versionBlocks(writer, "log", state.log);
  beginBlock(writer, "members");
  writer.varint(0);
  yield endBlock(writer);
  yield* leaseBlocks(writer, state.leases);
  yield* authBlocks(writer, state.auth);
  beginBlock(writer, "end");
  writer.u64(baseCount + logCount);
  if (state.leases.length > 0) {
    writer.u64(state.leases.length);
  }
  yield endBlock(writer);
}

function headBlock(writer: ByteWriter, state: ForeignState): Uint8Array {
  assert(state.compactRevision >= -1 && state.compactRevision <= state.revision, "compose: revisions");
  beginBlock(writer, "head");
  writer.u32(imageMagic);
  writer.u16(imageFormatVersion);
  writer.u64(state.appliedIndex);
  writer.u64(state.appliedTerm);
  writer.u64(state.revision);
  writer.u64(state.compactRevision + 1);
  return endBlock(writer);
}

function* versionBlocks(
  writer: ByteWriter,
  part: "base" | "log",
  versions: Iterable<ForeignVersion>,
): Generator<Uint8Array, number, undefined> {
  let count = 0;
  for (const version of versions) {
    if (writer.length === 0) {
      beginBlock(writer, part);
    }
    writeVersion(writer, version);
    count++;
    if (writer.length >= blockBytes) {
      yield endBlock(writer);
    }
  }
  if (writer.length > 0) {
    yield endBlock(writer);
  }
  return count;
}

function writeVersion(writer: ByteWriter, version: ForeignVersion): void {
  const { createRevision, lease, modRevision, tombstone } = version;
  const numbered = !tombstone && createRevision !== modRevision;
  assert(tombstone || numbered === version.version > 1, "compose: version and creation disagree");
  const leased = !tombstone && lease !== 0n;
  writer.u8(
    (tombstone ? versionFlag.tombstone : 0) |
      (numbered ? versionFlag.numbered : 0) |
      (leased ? versionFlag.leased : 0),
  );
  writer.lengthPrefixed(version.key);
  writer.varint(modRevision);
  if (numbered) {
    writer.varint(createRevision);
    writer.varint(version.version);
  }
  if (leased) {
    int64(writer, lease);
  }
  if (!tombstone) {
    writer.lengthPrefixed(version.value);
  }
}

function* leaseBlocks(writer: ByteWriter, leases: readonly KvLease[]): Generator<Uint8Array> {
  for (const { id, remainingSeconds, ttlSeconds } of leases) {
    if (writer.length === 0) {
      beginBlock(writer, "leases");
    }
    int64(writer, id);
    writer.varint(ttlSeconds);
    writer.varint(remainingSeconds);
    if (writer.length >= blockBytes) {
      yield endBlock(writer);
    }
  }
  if (writer.length > 0) {
    yield endBlock(writer);
  }
}

function* authBlocks(writer: ByteWriter, auth: ForeignAuth): Generator<Uint8Array> {
  const state: AuthState = {
    enabled: auth.enabled,
    revision: auth.revision,
    users: new Map(auth.users.map((user) => [user.name, user])),
    roles: new Map(auth.roles.map((role) => [role.name, role])),
  };
  assert(state.users.size === auth.users.length, "compose: a user twice");
  assert(state.roles.size === auth.roles.length, "compose: a role twice");
  if (isInitial(state)) {
    return;
  }
  for (const image = new AuthImage(state); !image.done; ) {
    beginBlock(writer, "auth");
    image.write(writer, blockBytes);
    yield endBlock(writer);
  }
}
