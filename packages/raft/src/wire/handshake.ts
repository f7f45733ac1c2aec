/**
 * What two members say before anything counts: who they are, which cluster and which disk is theirs, and whom they mean to
 * talk to. A wrong answer is refused by name, because a wiped or cloned disk that votes loses what it once acknowledged.
 */
import { assert, type ByteReader, type ByteWriter, DecodeError, utf8Decode, utf8Encode } from "@quorate/base";
import type { NodeId } from "../types/ids.ts";
import {
  addressBytesMax,
  beginFrame,
  endFrame,
  type FrameKind,
  helloVersion,
  readBytes,
  readFlag,
} from "./layout.ts";
import { readNodeId } from "./parts.ts";

/** Bytes of a store id and of a boot id. */
export const identityBytes = 16;

/** Bytes of a refusal's text. */
const detailBytesMax = 1024;

/** The dialling side's words. */
export interface Hello {
  readonly kind: "hello";
  /** The range of wire versions that it speaks. */
  readonly versionMin: number;
  readonly versionMax: number;
  /** 1 … 2^53−1. */
  readonly clusterId: number;
  readonly from: NodeId;
  /** Whom it means to have dialled. */
  readonly to: NodeId;
  readonly storeId: Uint8Array;
  /** Drawn anew by each process. */
  readonly bootId: Uint8Array;
  /** The store id it noted for the other side, null before they ever met. */
  readonly expectedStoreId: Uint8Array | null;
  /** Where others reach it, as a change of the membership would tell it; empty where it does not say, as before version 2. */
  readonly address: string;
}

/** The accepting side's consent. */
export interface Welcome {
  readonly kind: "welcome";
  readonly version: number;
  readonly from: NodeId;
  readonly storeId: Uint8Array;
  readonly bootId: Uint8Array;
}

/** What was wrong with a hello. */
export type RefusalCause = "version" | "cluster" | "node" | "store" | "unknown-peer" | "stopping" | "removed";

/** The accepting side's refusal; it closes after it. */
export interface Refusal {
  readonly kind: "refusal";
  readonly cause: RefusalCause;
  /** For people. */
  readonly detail: string;
}

/** Signs of life, and the announcement of an orderly end. */
export interface Signal {
  readonly kind: "ping" | "pong" | "goodbye";
}

/** Everything that connections say to each other about themselves. */
export type ControlFrame = Hello | Welcome | Refusal | Signal;

/** The order stands on the wire: only append. */
const causes: readonly RefusalCause[] = [
  "version",
  "cluster",
  "node",
  "store",
  "unknown-peer",
  "stopping",
  "removed",
];

/** Appends one frame to `writer`. */
export function encodeControlFrame(writer: ByteWriter, frame: ControlFrame): void {
  const start = beginFrame(writer, frame.kind);
  switch (frame.kind) {
    case "hello":
      writer.u16(frame.versionMin);
      writer.u16(frame.versionMax);
      writer.varint(frame.clusterId);
      writer.varint(frame.from);
      writer.varint(frame.to);
      writeIdentity(writer, frame.storeId);
      writeIdentity(writer, frame.bootId);
      writer.u8(frame.expectedStoreId === null ? 0 : 1);
      if (frame.expectedStoreId !== null) {
        writeIdentity(writer, frame.expectedStoreId);
      }
      writeAddress(writer, frame.address);
      break;
    case "welcome":
      writer.u16(frame.version);
      writer.varint(frame.from);
      writeIdentity(writer, frame.storeId);
      writeIdentity(writer, frame.bootId);
      break;
    case "refusal":
      writer.u8(causes.indexOf(frame.cause));
      writer.lengthPrefixed(utf8Encode(frame.detail.slice(0, detailBytesMax / 4)));
      break;
    case "ping":
    case "pong":
    case "goodbye":
      break;
  }
  endFrame(writer, start);
}

/**
 * Reads the body of a frame of `kind` in `version`; null when it is not about the connection.
 *
 * @throws DecodeError when the bytes stand for none.
 */
export function readControlFrame(reader: ByteReader, kind: FrameKind, version: number): ControlFrame | null {
  const frame = readControlBody(reader, kind, version);
  if (frame !== null) {
    reader.end();
  }
  return frame;
}

function readControlBody(reader: ByteReader, kind: FrameKind, version: number): ControlFrame | null {
  switch (kind) {
    case "hello":
      return readHello(reader, version);
    case "welcome":
      return {
        kind,
        version: reader.u16(),
        from: readNodeId(reader),
        storeId: reader.bytes(identityBytes),
        bootId: reader.bytes(identityBytes),
      };
    case "refusal":
      return readRefusal(reader);
    case "ping":
    case "pong":
    case "goodbye":
      return { kind };
    default:
      return null;
  }
}

function readHello(reader: ByteReader, version: number): Hello {
  assert(version >= 1 && version <= helloVersion, "wire: a hello of a version that nobody reads");
  return {
    kind: "hello",
    versionMin: reader.u16(),
    versionMax: reader.u16(),
    clusterId: reader.varint(),
    from: readNodeId(reader),
    to: readNodeId(reader),
    storeId: reader.bytes(identityBytes),
    bootId: reader.bytes(identityBytes),
    expectedStoreId: readFlag(reader) ? reader.bytes(identityBytes) : null,
    address: version === 1 ? "" : readAddress(reader),
  };
}

function readRefusal(reader: ByteReader): Refusal {
  const at = reader.offset;
  const cause = causes[reader.u8()];
  const detail = utf8Decode(readBytes(reader, detailBytesMax, "detail"));
  if (cause === undefined || detail === null) {
    throw new DecodeError("unknown refusal", at);
  }
  return { kind: "refusal", cause, detail };
}

function readAddress(reader: ByteReader): string {
  const at = reader.offset;
  const address = utf8Decode(readBytes(reader, addressBytesMax, "address"));
  if (address === null) {
    throw new DecodeError("address is not UTF-8", at);
  }
  return address;
}

function writeAddress(writer: ByteWriter, address: string): void {
  const bytes = utf8Encode(address);
  assert(bytes.length <= addressBytesMax, "wire: address too long");
  writer.lengthPrefixed(bytes);
}

function writeIdentity(writer: ByteWriter, identity: Uint8Array): void {
  assert(identity.length === identityBytes, "wire: identity is not 16 bytes");
  writer.bytes(identity);
}
