/** The binary form of commands on leases. */
import { assert, type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import type { LeaseCheckpointRequest, LeaseGrantRequest, LeaseRevokeRequest } from "../types.ts";
import { int64, readInt64 } from "./codec-parts.ts";

/** Bytes that one entry of a checkpoint takes at least. */
const remainingBytesMin = 9;

/** Appends a grant without version and type. */
export function writeLeaseGrant(writer: ByteWriter, grant: LeaseGrantRequest): void {
  assert(grant.ttlSeconds > 0, "lease codec: a grant of no time");
  int64(writer, grant.id);
  writer.varint(grant.ttlSeconds);
}

/** Reads what {@link writeLeaseGrant} wrote. */
export function readLeaseGrant(reader: ByteReader): LeaseGrantRequest {
  const id = readInt64(reader);
  const ttlSeconds = reader.varint();
  if (ttlSeconds === 0) {
    throw new DecodeError("lease of no time", reader.offset);
  }
  return { type: "lease-grant", id, ttlSeconds };
}

/** Appends a revocation without version and type. */
export function writeLeaseRevoke(writer: ByteWriter, revoke: LeaseRevokeRequest): void {
  int64(writer, revoke.id);
  writer.varint(revoke.fenceTerm);
}

/** Reads what {@link writeLeaseRevoke} wrote. */
export function readLeaseRevoke(reader: ByteReader): LeaseRevokeRequest {
  const id = readInt64(reader);
  return { type: "lease-revoke", id, fenceTerm: reader.varint() };
}

/** Appends a checkpoint without version and type. */
export function writeLeaseCheckpoint(writer: ByteWriter, checkpoint: LeaseCheckpointRequest): void {
  writer.varint(checkpoint.fenceTerm);
  writer.varint(checkpoint.remaining.length);
  for (const { id, remainingSeconds } of checkpoint.remaining) {
    int64(writer, id);
    writer.varint(remainingSeconds);
  }
}

/** Reads what {@link writeLeaseCheckpoint} wrote. */
export function readLeaseCheckpoint(reader: ByteReader): LeaseCheckpointRequest {
  const fenceTerm = reader.varint();
  const count = reader.varint();
  if (count * remainingBytesMin > reader.remaining) {
    throw new DecodeError("count exceeds what follows", reader.offset);
  }
  const remaining: { readonly id: bigint; readonly remainingSeconds: number }[] = [];
  for (let left = count; left > 0; left--) {
    remaining.push({ id: readInt64(reader), remainingSeconds: reader.varint() });
  }
  return { type: "lease-checkpoint", fenceTerm, remaining };
}
