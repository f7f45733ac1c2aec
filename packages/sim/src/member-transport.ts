/**
 * A member's transport over the simulated network: every frame is encoded where it leaves and decoded where it arrives, by
 * the codec that the real transport uses.
 */
import { ByteWriter, crc32c, type Prng } from "@quorate/base";
import {
  type Completed,
  type DecodedFrame,
  encodePeerFrame,
  FrameDecoder,
  type GroupId,
  type NodeId,
  type PeerFrame,
  type Transport,
  type TransportPeers,
  type TransportReceiver,
} from "@quorate/raft";
import type { Oracle } from "./checkers/oracle.ts";
import type { EffectBoundary } from "./effect-boundary.ts";
import type { Incarnation } from "./incarnation.ts";
import type { FrameState, Network } from "./network.ts";
import { Violation } from "./violation.ts";
import type { Watch } from "./watch.ts";
import type { World } from "./world.ts";

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
}

/** One per life of a member. */
export class MemberTransport implements Transport {
  readonly #parts: TransportParts;
  #receiver: TransportReceiver | null = null;
  #removed: ReadonlySet<NodeId> = new Set();

  constructor(parts: TransportParts) {
    this.#parts = parts;
  }

  start(receiver: TransportReceiver): void {
    this.#receiver = receiver;
  }

  setPeers(_group: GroupId, { removed }: TransportPeers): void {
    this.#removed = new Set(removed);
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
    watch.check(() => oracle.sending(id, frame));
    const bytes = encode(group, frame);
    world.log(`send ${id}>${to} ${describe(frame)} ${bytes.length} ${crc32c(bytes)}`);
    if (!network.send(id, to, bytes)) {
      this.refused(to);
    }
  }

  /** A frame arrives, or what the network left of it. */
  received(from: NodeId, bytes: Uint8Array, state: FrameState): void {
    if (this.#removed.has(from)) {
      return; // Its connection was closed; it learns why when it dials again.
    }
    const decoded = decode(bytes);
    if (state !== "whole") {
      this.#damaged(from, state, decoded);
      return;
    }
    if (decoded === null || decoded.status !== "frame") {
      throw new Violation(
        "invariant",
        `a frame of ${bytes.length} bytes does not decode: ${decoded?.status}`,
      );
    }
    const { group, frame } = decoded.content;
    this.#parts.world.log(`recv ${from}>${this.#parts.id} ${describe(frame)} ${bytes.length}`);
    this.#receiver?.received(group, from, frame);
  }

  /** Nothing that was damaged on its way is taken for a frame; the connection ends, and both sides learn of it. */
  #damaged(from: NodeId, state: FrameState, decoded: DecodedFrame | null): void {
    const { id, process, world } = this.#parts;
    if (decoded !== null && decoded.status !== "failed") {
      throw new Violation("frame-integrity", `node ${id} takes a ${state} frame of ${from} for a whole one`);
    }
    world.log(`${state} ${from}>${id}`);
    process.schedule(0, () => this.#receiver?.unreachable(from));
  }

  /** The connection to `to` ended. */
  lost(to: NodeId): void {
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
    this.#receiver?.peerGone?.(peer, "refused");
  }

  close(completed: Completed): void {
    this.#receiver = null;
    completed(null);
  }
}

// PERF: one buffer for all encoding; `finish` copies out what was written.
const scratch = new ByteWriter();

function encode(group: GroupId, frame: PeerFrame): Uint8Array {
  scratch.reset();
  encodePeerFrame(scratch, group, frame);
  return scratch.finish();
}

/** As a connection of its own: what is wrong with it ends it. */
function decode(bytes: Uint8Array): DecodedFrame | null {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  return decoder.next();
}

function describe(frame: PeerFrame): string {
  return frame.kind === "message" ? `${frame.message.type} t${frame.message.term}` : frame.kind;
}
