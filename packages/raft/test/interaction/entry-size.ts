/** The size by which etcd-io/raft cuts entries into messages and pages: that of their protobuf form. */
import { emptyBytes } from "@quorate/base";
import { decodeConfChange, type Entry } from "@quorate/raft";
import { refusedDraft } from "../../src/core/membership.ts";

/** Bytes of `entry` as a protobuf message: term, index, the data, and of a configuration change the type. */
export function protobufBytes(entry: Entry): number {
  const data = entry.type === "normal" ? entry.data.length : confChangeBytes(entry);
  // The type is written unless nobody ever set it; the reference sets it where it empties a refused change.
  const type = entry.type === "normal" && entry.data !== refusedDraft.data ? 0 : 2;
  const content = data === 0 ? 0 : 1 + varintBytes(data) + data;
  return type + 1 + varintBytes(entry.term) + 1 + varintBytes(entry.index) + content;
}

/** The single form has type and member; the other a transition, and for each step a message of type and member. */
function confChangeBytes(entry: Entry): number {
  // The leaving that a leader writes by itself is empty; one that was proposed names its transition.
  if (entry.data.length === 0) return entry.data === emptyBytes ? 0 : 2;
  const steps = decodeConfChange(entry.data).changes.map((change) => 2 + 1 + varintBytes(change.id));
  if (entry.type === "conf-change") return steps[0] ?? 0;
  return steps.reduce((sum, bytes) => sum + 1 + varintBytes(bytes) + bytes, 2);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
