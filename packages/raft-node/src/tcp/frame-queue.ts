/**
 * What waits to be written to one peer: two lanes of encoded frames, bounded in bytes. Urgent frames (votes, heartbeats,
 * acknowledgements) overtake bulk ones (entries, proposals, snapshot chunks), because a heartbeat that waits behind a snapshot
 * calls an election. Raft allows any reordering.
 */
import { assert, ByteWriter, concatBytes } from "@quorate/base";
import { encodePeerFrame, type GroupId, type PeerFrame } from "@quorate/raft";
import type { TransportLimits } from "./options.ts";

/** Above this a lane's buffer is given back after use, so that one large turn does not hold memory for good. */
const keptBufferBytes = 1024 * 1024;

/** Frames of the present turn are encoded into one buffer; whole buffers wait in order. */
class Lane {
  readonly #bytesMax: number;
  #writer = new ByteWriter(4096);
  #sealed: Uint8Array[] = [];
  #sealedBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#sealedBytes + this.#writer.length;
  }

  /** Whether the frame was taken. One frame is always taken by an empty lane. */
  push(group: GroupId, frame: PeerFrame): boolean {
    if (this.bytes >= this.#bytesMax) {
      return false;
    }
    encodePeerFrame(this.#writer, group, frame);
    return true;
  }

  /** Removes and returns at least one buffer, then as many as fit into `bytesMax`; null when nothing waits. */
  take(bytesMax: number): Uint8Array | null {
    this.#seal();
    let count = 0;
    let bytes = 0;
    for (const buffer of this.#sealed) {
      if (count > 0 && bytes + buffer.length > bytesMax) {
        break;
      }
      count++;
      bytes += buffer.length;
    }
    if (count === 0) {
      return null;
    }
    const taken = this.#sealed.splice(0, count);
    this.#sealedBytes -= bytes;
    assert(this.#sealedBytes >= 0, "queue: bytes miscounted");
    return taken.length === 1 ? (taken[0] as Uint8Array) : concatBytes(taken);
  }

  /** What was encoded is copied out: the socket keeps it until the kernel took it, while the writer goes on. */
  #seal(): void {
    if (this.#writer.length === 0) {
      return;
    }
    this.#sealed.push(this.#writer.finish());
    this.#sealedBytes += this.#writer.length;
    if (this.#writer.length > keptBufferBytes) {
      this.#writer = new ByteWriter(4096);
    } else {
      this.#writer.reset();
    }
  }
}

/** The two lanes of one connection. */
export class FrameQueue {
  readonly #urgent: Lane;
  readonly #bulk: Lane;

  constructor(limits: TransportLimits) {
    this.#urgent = new Lane(limits.urgentBytesMax);
    this.#bulk = new Lane(limits.bulkBytesMax);
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#bulk.bytes;
  }

  /** Whether the frame was taken; a full lane takes none. */
  push(group: GroupId, frame: PeerFrame): boolean {
    return (isBulk(frame) ? this.#bulk : this.#urgent).push(group, frame);
  }

  /** The next bytes to write: all that is urgent, else bulk up to `bytesMax`; null when nothing waits. */
  take(bytesMax: number): Uint8Array | null {
    return this.#urgent.take(Number.POSITIVE_INFINITY) ?? this.#bulk.take(bytesMax);
  }
}

function isBulk(frame: PeerFrame): boolean {
  switch (frame.kind) {
    case "message":
      return frame.message.type === "append-entries" && frame.message.entries.length > 0;
    case "propose":
    case "snapshot-chunk":
      return true;
    default:
      return false;
  }
}
