/**
 * What a member does, one line of text for each transition and each message: for people who want to see the protocol at work. With
 * `DEBUG=raft` in the environment the lines go to standard error.
 */
import {
  describeConfState,
  describeMessage,
  describeSnapshot,
  type NodeId,
  type PeerFrame,
  type SnapshotMetadata,
} from "@quorate/raft";
import type { NodeTransport } from "./adapters.ts";
import type { DebugWriter, RaftNodeEvent } from "./options.ts";

/** Where the lines go when nobody says: to standard error, if `DEBUG` names `raft` (in a list, or by `*`). */
export function debugByEnvironment(id: number): DebugWriter | null {
  const names = (process.env["DEBUG"] ?? "").split(/[\s,]+/);
  if (!names.includes("raft") && !names.includes("*")) {
    return null;
  }
  return (line) => void process.stderr.write(`${new Date().toISOString()} raft ${id} ${line}\n`);
}

/** `transport`, with a line for each frame that leaves or arrives. */
export function withDebugLines(transport: NodeTransport, write: DebugWriter): NodeTransport {
  const traced: NodeTransport = {
    start: (receiver) =>
      transport.start({
        unreachable: (peer) => receiver.unreachable(peer),
        received: (group, from, frame) => {
          write(`received ${describeFrame(from, null, frame)}`);
          receiver.received(group, from, frame);
        },
        ...(receiver.peerGone === undefined
          ? {}
          : { peerGone: (peer, reason) => receiver.peerGone?.(peer, reason) }),
      }),
    send: (group, to, frame) => {
      write(`sent ${describeFrame(null, to, frame)}`);
      transport.send(group, to, frame);
    },
    close: (completed) => transport.close(completed),
    ...(transport.setPeers === undefined
      ? {}
      : { setPeers: (group, peers) => transport.setPeers?.(group, peers) }),
    ...(transport.counters === undefined ? {} : { counters: transport.counters }),
  };
  return traced;
}

/** A message says itself between whom it travels; the host's own requests do not. */
function describeFrame(from: NodeId | null, to: NodeId | null, frame: PeerFrame): string {
  if (frame.kind === "message") {
    return describeMessage(frame.message);
  }
  const { kind, ...fields } = frame;
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${describeField(value)}`);
  return `${from ?? ""}>${to ?? ""} ${kind} ${parts.join(" ")}`;
}

/** Bytes as their number, lists as their length. */
function describeField(value: number | string | boolean | null | object): string {
  if (value instanceof Uint8Array) {
    return `${value.length}B`;
  }
  if (Array.isArray(value)) {
    return String(value.length);
  }
  return typeof value === "object" && value !== null && "confState" in value
    ? describeSnapshot(value as SnapshotMetadata)
    : String(value);
}

/** A transition of the member as a line. */
export function describeNodeEvent(event: RaftNodeEvent): string {
  switch (event.type) {
    case "role":
      return `role ${event.role} t${event.term}`;
    case "leader":
      return `leader ${event.leader} t${event.term}`;
    case "term":
      return `term t${event.term}`;
    case "conf-state":
      return `members [${describeConfState(event.confState)}] at ${event.index}`;
    case "request-refused":
      return `refused ${event.request} of ${event.from} t${event.term}: ${event.refusal}`;
    case "snapshot-made":
    case "snapshot-installed":
      return `${event.type} ${describeSnapshot(event.snapshot)}`;
    case "snapshot-received":
      return `${event.type} ${describeSnapshot(event.snapshot)} from ${event.from}`;
    case "snapshot-sending":
      return `${event.type} ${describeSnapshot(event.snapshot)} to ${event.to}`;
    case "snapshot-sent":
      return `${event.type} ${describeSnapshot(event.snapshot)} to ${event.to}${event.ok ? "" : " failed"}`;
    case "fatal":
      return `fatal ${event.error.message.replaceAll("\n", " ")}`;
    default:
      return describeFacts(event);
  }
}

/** `connected peer=2 direction=in`: events without a form of their own have plain values. */
function describeFacts({ type, ...facts }: RaftNodeEvent): string {
  const parts = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`);
  return [type, ...parts].join(" ").replaceAll("\n", " ");
}
