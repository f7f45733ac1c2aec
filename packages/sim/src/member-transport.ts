/**
 * A member's transport over the simulated network: every frame is encoded where it leaves and decoded where it arrives, by
 * the codec that the real transport uses.
 */
import { assert, ByteWriter, type Prng } from "@quorate/base";
import {
  type Completed,
  type DecodedFrame,
  FrameDecoder,
  FrameEncoder,
  type GroupId,
  mayRemoteSend,
  type NodeId,
  type PeerFrame,
  type PeerIdentity,
  type RefusalCause,
  type Transport,
  type TransportPeers,
  type TransportReceiver,
} from "@quorate/raft";
import type { Oracle } from "./checkers/oracle.ts";
import { Connections } from "./connections.ts";
import type { EffectBoundary } from "./effect-boundary.ts";
import type { Incarnation } from "./incarnation.ts";
import type { FrameState, Network } from "./network.ts";
import type { PeerNotes } from "./peer-notes.ts";
import { Violation } from "./violation.ts";
import type { Watch } from "./watch.ts";
import type { World } from "./world.ts";

/** Who a member turned out to be, once its disk was read. */
interface TransportSelf {
  readonly identity: Omit<PeerIdentity, "address">;
  readonly notes: PeerNotes;
  /** Stands for the disk in the frames that leave. */
  readonly disk: number;
  /** Whom it was started with the addresses of. */
  readonly peers: readonly NodeId[];
  /** Wire versions that it offers beyond the one that all speak. */
  readonly versionsAhead: number;
}

/** What a transport needs of its member. */
interface TransportParts {
  readonly id: NodeId;
  readonly world: World;
  readonly random: Prng;
  readonly process: Incarnation;
  readonly network: Network;
  readonly oracle: Oracle;
  readonly watch: Watch;
  readonly boundary: EffectBoundary;
  /** Ends the connection on which `from` speaks to this member, as a machine does whose process knows nothing of it. */
  readonly reset: (from: NodeId) => void;
  readonly refused: (peer: NodeId, cause: RefusalCause) => void;
  readonly failed: (error: Error) => void;
}

/** One per life of a member. */
export class MemberTransport implements Transport {
  readonly #parts: TransportParts;
  #receiver: TransportReceiver | null = null;
  #removed: ReadonlySet<NodeId> = new Set();
  readonly #peers = new Set<NodeId>();
  /** Null until the disk was read: nobody is listened to before. */
  #connections: Connections | null = null;
  #disk = 0;
  /** Peers that could not be reached in this turn. */
  readonly #dropped = new Set<NodeId>();
  readonly #encoder = new FrameEncoder();

  constructor(parts: TransportParts) {
    this.#parts = parts;
  }

  /** The disk was read. Comes before {@link start}. */
  identify({ disk, identity, notes, peers, versionsAhead }: TransportSelf): void {
    const { failed, id, network, process, random, refused } = this.#parts;
    this.#disk = disk;
    for (const peer of peers) {
      this.#peers.add(peer);
    }
    this.#connections = new Connections({
      identity: { ...identity, address: String(id) },
      notes,
      process,
      random,
      versionsAhead,
      isPeer: (peer) => this.#peers.has(peer),
      isRemoved: (peer) => this.#removed.has(peer),
      send: (to, bytes, machine) => {
        if (process.isAlive) {
          network.send(id, to, bytes, disk, machine ?? undefined);
        }
      },
      refused,
      adopted: (peer) => this.#parts.world.log(`remote ${id} ${peer}`),
      failed,
    });
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    for (const peer of this.#peers) {
      this.#connections?.reach(peer);
    }
  }

  setPeers(_group: GroupId, { members, removed }: TransportPeers): void {
    this.#removed = new Set(removed);
    for (const peer of removed) {
      this.#peers.delete(peer);
      this.#connections?.dismiss(peer);
    }
    for (const { id } of members) {
      this.#peers.add(id);
      if (this.#connections?.endRemote(id) === true) {
        this.#parts.reset(id);
      }
      if (this.#receiver !== null) {
        this.#connections?.reach(id);
      }
    }
  }

  /** Whether connections of `peer` are refused because it was removed. */
  refuses(peer: NodeId): boolean {
    return this.#removed.has(peer);
  }

  send(group: GroupId, to: NodeId, frame: PeerFrame): void {
    const { boundary, process } = this.#parts;
    if (process.isAlive) {
      boundary.pass("send", () => this.#leave(group, to, frame));
    }
  }

  #leave(group: GroupId, to: NodeId, frame: PeerFrame): void {
    const { id, oracle, watch, world, network } = this.#parts;
    if (!(this.#connections?.isOpen(to) ?? false)) {
      this.#drop(to);
      return;
    }
    try {
      oracle.sending(id, frame);
    } catch (error) {
      throw watch.note(error);
    }
    scratch.reset();
    this.#encoder.encode(scratch, group, frame);
    const bytes = scratch.finish();
    const sum = checksumOf(bytes);
    const { length } = bytes;
    const text = world.trace.isRead ? `send ${id}>${to} ${describe(frame)} ${length} ${sum}` : null;
    world.trace.numbers(world.nowMs, sent, id, to, length, sum, text);
    if (!network.send(id, to, bytes, this.#disk)) {
      this.refused(to);
    }
  }

  /** Without a connection a frame is lost, and the host is told once a turn. */
  #drop(to: NodeId): void {
    const dropped = this.#dropped;
    if (!dropped.has(to)) {
      dropped.add(to);
      this.#parts.process.schedule(0, () => {
        dropped.delete(to);
        this.#receiver?.unreachable(to);
      });
    }
  }

  /** A frame arrives, or what the network left of it. `disk` is the sender's. */
  received(from: NodeId, bytes: Uint8Array, state: FrameState, disk: number): void {
    const connections = this.#connections;
    if (connections === null || this.#receiver === null) {
      return; // Nobody listens yet.
    }
    const decoded = decode(bytes);
    if (state !== "whole") {
      this.#damaged(from, state, decoded);
      return;
    }
    if (decoded === null || decoded.status === "failed") {
      throw new Violation(
        "invariant",
        `a frame of ${bytes.length} bytes does not decode: ${decoded?.status}`,
      );
    }
    if (decoded.status === "control") {
      connections.received(from, disk, decoded.content);
      return;
    }
    if (this.#removed.has(from)) {
      return; // Its connection was closed; it learns why when it dials again.
    }
    if (!connections.admits(from, disk)) {
      this.#parts.reset(from);
      return;
    }
    // Two that both lost their disks know nobody, and may take each other in: all others refuse both.
    if (disk !== 1 && this.#disk === 1) {
      const { id } = this.#parts;
      throw new Violation("store-identity", `node ${id} listens to node ${from}, whose disk was wiped`);
    }
    const { group, frame } = decoded.content;
    if (connections.isRemote(from) && !mayRemoteSend(frame)) {
      return;
    }
    const { id, world } = this.#parts;
    const { length } = bytes;
    const text = world.trace.isRead ? `recv ${from}>${id} ${describe(frame)} ${length}` : null;
    world.trace.numbers(world.nowMs, taken, from, id, length, checksumOf(bytes), text);
    this.#receiver.received(group, from, frame);
  }

  /** Nothing that was damaged on its way is taken for a frame; the connection ends, and both sides learn of it. */
  #damaged(from: NodeId, state: FrameState, decoded: DecodedFrame | null): void {
    const { id, process, world } = this.#parts;
    if (decoded !== null && decoded.status !== "failed") {
      throw new Violation("frame-integrity", `node ${id} takes a ${state} frame of ${from} for a whole one`);
    }
    world.log(`${state} ${from}>${id}`);
    this.#connections?.silenced(from);
    process.schedule(0, () => this.#receiver?.unreachable(from));
  }

  /** The connection to `to` ended. */
  lost(to: NodeId): void {
    this.#connections?.lost(to);
    this.#receiver?.unreachable(to);
  }

  /**
   * A frame could not be handed over; now and then the sender hears of it, as of a refused connection. Sometimes it even looks as
   * if the peer's process were gone, though it is not: a wall may answer in its place.
   */
  refused(to: NodeId): void {
    const { random, process } = this.#parts;
    if (random.chance(0.1)) {
      const misleads = random.chance(0.1);
      process.schedule(random.integer(0, 50), () => {
        this.#receiver?.unreachable(to);
        if (misleads) {
          this.gone(to);
        }
      });
    }
  }

  /** The process of `peer` is gone, by all that can be seen from here. */
  gone(peer: NodeId): void {
    this.#parts.world.log(`gone ${this.#parts.id}: ${peer}`);
    this.#connections?.lost(peer);
    this.#receiver?.peerGone?.(peer, "refused");
  }

  close(completed: Completed): void {
    this.#receiver = null;
    completed(null);
  }
}

// PERF: one buffer for all encoding; `finish` copies out what was written.
const scratch = new ByteWriter();

/** As a connection of its own: what is wrong with it ends it. */
function decode(bytes: Uint8Array): DecodedFrame | null {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  return decoder.next();
}

/** In the trace: what was done to a frame. */
const sent = 1;
const taken = 2;

/** Where the format has a frame's checksum, which stands for all that is in it. */
const checksumOffset = 4;

function checksumOf(frame: Uint8Array): number {
  assert(frame.length >= checksumOffset + 4, "transport: a frame without a checksum");
  let sum = 0;
  for (let i = 3; i >= 0; i--) {
    sum = (sum << 8) | (frame[checksumOffset + i] ?? 0);
  }
  return sum >>> 0;
}

function describe(frame: PeerFrame): string {
  return frame.kind === "message" ? `${frame.message.type} t${frame.message.term}` : frame.kind;
}
