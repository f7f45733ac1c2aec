/**
 * What waits to be written to one peer: two lanes of encoded frames, bounded in bytes. Urgent frames (votes, heartbeats,
 * acknowledgements) overtake bulk ones (entries, proposals, snapshot chunks), because a heartbeat that waits behind a snapshot
 * calls an election. Raft allows any reordering.
 */
import { assert, ByteWriter } from "@quorate/base";
import type { FrameEncoder, GroupId, PeerFrame } from "@quorate/raft";
import type { TransportLimits } from "./options.ts";

/** Above this a buffer is given up after use, so that one large turn does not hold memory for good. */
const keptBytesMax = 1024 * 1024;

/** From here on the buffer itself goes to the socket; less is copied out of it. */
const lentBytesMin = 16 * 1024;

/** Kept for what comes next: as many as are on their way to a peer that takes them at once. */
const spareCountMax = 4;

/** Frames are encoded into one buffer until they are taken. */
class Lane {
  readonly #encoder: FrameEncoder;
  readonly #bytesMax: number;
  readonly #spares: Uint8Array<ArrayBuffer>[];
  readonly #writer = new ByteWriter(4096);

  constructor(encoder: FrameEncoder, bytesMax: number, spares: Uint8Array<ArrayBuffer>[]) {
    this.#encoder = encoder;
    this.#bytesMax = bytesMax;
    this.#spares = spares;
  }

  get bytes(): number {
    return this.#writer.length;
  }

  /** Whether the frame was taken. One frame is always taken by an empty lane. */
  push(group: GroupId, frame: PeerFrame): boolean {
    if (this.bytes >= this.#bytesMax) {
      return false;
    }
    this.#encoder.encode(this.#writer, group, frame);
    return true;
  }

  /**
   * Removes and returns all that waits; null when nothing does. The socket keeps it until the kernel took it, while the writer goes on.
   *
   * PERF: a buffer for each chunk of an image made one collection of 10 to 50 ms on the leader while it was sent (`npm run bench -- snapshot`).
   */
  take(): Uint8Array | null {
    const writer = this.#writer;
    if (writer.length === 0) {
      return null;
    }
    if (writer.length >= lentBytesMin) {
      return writer.handOver(this.#spares.pop() ?? new Uint8Array(4096));
    }
    const bytes = writer.finish();
    writer.reset();
    return bytes;
  }
}

/** The two lanes of one connection. */
export class FrameQueue {
  readonly #spares: Uint8Array<ArrayBuffer>[] = [];
  readonly #urgent: Lane;
  readonly #bulk: Lane;

  /** @param encoder Shared by the queues of all peers. */
  constructor(encoder: FrameEncoder, limits: Pick<TransportLimits, "urgentBytesMax" | "bulkBytesMax">) {
    this.#urgent = new Lane(encoder, limits.urgentBytesMax, this.#spares);
    this.#bulk = new Lane(encoder, limits.bulkBytesMax, this.#spares);
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#bulk.bytes;
  }

  /** Whether the frame was taken; a full lane takes none. */
  push(group: GroupId, frame: PeerFrame): boolean {
    return (isBulk(frame) ? this.#bulk : this.#urgent).push(group, frame);
  }

  /** The next bytes to write, which are the caller's: all that is urgent, else all the rest; null when nothing waits. */
  take(): Uint8Array | null {
    return this.#urgent.take() ?? this.#bulk.take();
  }

  /** Whether it is worth giving these bytes back. */
  wants(bytes: Uint8Array): boolean {
    return bytes.length >= lentBytesMin && this.#spares.length < spareCountMax;
  }

  /** Takes back what {@link take} gave; nobody else may look at it any more. */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    assert(buffer instanceof ArrayBuffer, "queue: not a buffer of its own");
    assert(
      this.#spares.every((spare) => spare.buffer !== buffer),
      "queue: given back twice",
    );
    if (this.wants(bytes) && buffer.byteLength <= keptBytesMax) {
      this.#spares.push(new Uint8Array(buffer));
    }
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
