/**
 * A member's transport over the simulated network: every frame is encoded where it leaves and decoded where it arrives, by
 * the codec that the real transport uses.
 */
import { ByteWriter, crc32c, type Prng } from "@quorate/base";
import {
  type Completed,
  encodePeerFrame,
  FrameDecoder,
  type GroupFrame,
  type GroupId,
  type NodeId,
  type PeerFrame,
  type Transport,
  type TransportPeers,
  type TransportReceiver,
} from "@quorate/raft";
import type { Oracle } from "./checkers/oracle.ts";
import type { Incarnation } from "./incarnation.ts";
import type { Network } from "./network.ts";
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
    const { id, oracle, watch, world, network } = this.#parts;
    watch.check(() => oracle.sending(id, frame));
    const bytes = encode(group, frame);
    world.log(`send ${id}>${to} ${describe(frame)} ${bytes.length} ${crc32c(bytes)}`);
    if (!network.send(id, to, bytes)) {
      this.refused(to);
    }
  }

  /** A frame arrives. */
  received(from: NodeId, bytes: Uint8Array): void {
    if (this.#removed.has(from)) {
      return; // Its connection was closed; it learns why when it dials again.
    }
    const { group, frame } = decode(bytes);
    this.#parts.world.log(`recv ${from}>${this.#parts.id} ${describe(frame)} ${bytes.length}`);
    this.#receiver?.received(group, from, frame);
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

/** The network here damages nothing: what does not decode was encoded wrongly. */
function decode(bytes: Uint8Array): GroupFrame {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  const decoded = decoder.next();
  if (decoded === null || decoded.status !== "frame") {
    throw new Violation("invariant", `a frame of ${bytes.length} bytes does not decode: ${decoded?.status}`);
  }
  return decoded.content;
}

function describe(frame: PeerFrame): string {
  return frame.kind === "message" ? `${frame.message.type} t${frame.message.term}` : frame.kind;
}
