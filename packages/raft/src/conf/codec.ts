/**
 * Configuration changes as the bytes of a log entry. Stored format, so: a version byte first, every length bounded, golden
 * bytes in the tests. The empty byte string is the change that leaves a joint configuration: the leader writes it by itself,
 * and no size limit can refuse it.
 */
import { assert, ByteReader, ByteWriter, DecodeError, emptyBytes } from "@quorate/base";
import type { ConfChange, ConfChangeSingle, ConfChangeTransition } from "../types/conf-change.ts";
import { toNodeId } from "../types/ids.ts";

const version = 1;
const transitions: readonly ConfChangeTransition[] = ["auto", "implicit", "explicit"];
const operations: readonly ConfChangeSingle["op"][] = ["add-voter", "add-learner", "remove", "update"];

/** Steps that one change may have. */
export const confChangeStepsMax = 1_000;

/** Bytes that the application's part of a change may have. */
export const confChangeContextBytesMax: number = 64 * 1024;

/** The empty change: leaves a joint configuration. */
export const leaveJointChange: ConfChange = { transition: "auto", changes: [], context: emptyBytes };

/** The bytes of `change`. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  assert(change.changes.length <= confChangeStepsMax, "conf change: too many steps");
  assert(change.context.length <= confChangeContextBytesMax, "conf change: context too long");
  if (change.changes.length === 0 && change.transition === "auto" && change.context.length === 0) {
    // An array of its own: whoever holds it can tell it from the leaving that a leader writes by itself.
    return new Uint8Array(0);
  }
  const writer = new ByteWriter(64);
  writer.u8(version);
  assert(transitions.includes(change.transition), "conf change: no such transition");
  writer.u8(transitions.indexOf(change.transition));
  writer.varint(change.changes.length);
  for (const single of change.changes) {
    assert(operations.includes(single.op), "conf change: no such operation");
    writer.u8(operations.indexOf(single.op));
    assert(single.id > 0, "conf change: member id 0");
    writer.varint(single.id);
  }
  writer.lengthPrefixed(change.context);
  return writer.finish();
}

/**
 * The change that `bytes` stand for.
 *
 * @throws DecodeError when they stand for none.
 */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  if (bytes.length === 0) {
    return leaveJointChange;
  }
  const reader = new ByteReader(bytes);
  if (reader.u8() !== version) {
    throw new DecodeError("unknown version of a configuration change", 0);
  }
  const transition = pick(transitions, reader, "transition");
  const count = reader.varint();
  if (count > confChangeStepsMax) {
    throw new DecodeError("too many steps in a configuration change", reader.offset);
  }
  const changes: ConfChangeSingle[] = [];
  for (let i = 0; i < count; i++) {
    const op = pick(operations, reader, "operation");
    const id = reader.varint();
    if (id === 0) {
      throw new DecodeError("member id 0", reader.offset);
    }
    changes.push({ op, id: toNodeId(id) });
  }
  assert(changes.length === count, "conf change: every step was read");
  const context = reader.lengthPrefixed();
  if (context.length > confChangeContextBytesMax) {
    throw new DecodeError("context of a configuration change too long", reader.offset);
  }
  reader.end();
  return { transition, changes, context };
}

function pick<T>(list: readonly T[], reader: ByteReader, what: string): T {
  const at = reader.offset;
  const value = list[reader.u8()];
  if (value === undefined) {
    throw new DecodeError(`unknown ${what} of a configuration change`, at);
  }
  return value;
}
