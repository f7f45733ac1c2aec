/**
 * Receives the leader's image beside everything that is there (RAFT §5.3): nothing is replaced before the image is whole,
 * verified and durable. Only then the core learns of it. What came of an image outlives a cut connection, another leader with
 * the same image, and a restart of this member, where the storage can keep it.
 */
import { assert, type Task } from "@quorate/base";
import type { NodeId, Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { HostEvent } from "./events.ts";
import { type Guard, guarded } from "./guard.ts";
import type { PeerFrame, SnapshotSink } from "./ports.ts";
import { ImageCheck } from "./snapshot-seal.ts";

type Chunk = PeerFrame & { readonly kind: "snapshot-chunk" };

/** Chunks kept while one is being written: more than a sender's window holds. */
const waitingCountMax = 8;

/** Tries of one image from its beginning before its sender is told that it is of no use. */
const attemptCountMax = 2;

/** What receiving works with. */
interface SnapshotReceiverPorts {
  readonly guard: Guard;
  /** Where an image is to be stored. */
  sinkFor(snapshot: SnapshotMetadata): SnapshotSink;
  send(to: NodeId, frame: PeerFrame): void;
  /** The image is durable: the core may install it. */
  received(from: NodeId, term: Term, snapshot: SnapshotMetadata): void;
  emit(event: HostEvent): void;
}

interface Receiving {
  readonly snapshot: SnapshotMetadata;
  readonly totalBytes: number;
  /** Who sent the latest chunk, and the newest term in which it led. */
  from: NodeId;
  term: Term;
  sink: SnapshotSink;
  /** Over what the sink has; its bytes are the next offset wanted. */
  check: ImageCheck;
  attempts: number;
  /** Being resumed or written. */
  busy: boolean;
  /** Until it is known what an earlier reception left. */
  resuming: boolean;
  /** Whole: the storage's from here on, and nobody aborts it. */
  sealing: boolean;
  /** Chunks that came while one is being written. */
  readonly waiting: Chunk[];
  silentTicks: number;
}

/** One image at a time; a newer one takes its place. */
export class SnapshotReceiver {
  readonly #ports: SnapshotReceiverPorts;
  readonly #giveUpTicks: number;
  #receiving: Receiving | null = null;

  constructor(ports: SnapshotReceiverPorts, giveUpTicks: number) {
    assert(giveUpTicks > 0, "snapshot receiver: no time");
    this.#ports = ports;
    this.#giveUpTicks = giveUpTicks;
  }

  /** A chunk of the leader of `frame.term`, which is the present one. */
  chunk(from: NodeId, frame: Chunk): void {
    if (frame.offset + frame.chunk.length > frame.totalBytes) {
      return; // Not of a correct sender.
    }
    const receiving = this.#match(from, frame);
    if (receiving === null) {
      return;
    }
    receiving.from = from;
    receiving.term = frame.term;
    receiving.silentTicks = 0;
    if (receiving.busy) {
      const isLater = frame.offset > receiving.check.bytes || receiving.resuming;
      if (receiving.waiting.length < waitingCountMax && isLater) {
        receiving.waiting.push(frame);
      }
      return; // The completion of what is being written asks for what is missing.
    }
    this.#write(receiving, frame);
  }

  #write(receiving: Receiving, frame: Chunk): void {
    if (frame.offset !== receiving.check.bytes) {
      this.#answer(receiving, false);
      return;
    }
    receiving.busy = true;
    this.#ports.guard.run(this.#take(receiving, frame.chunk), () => this.#continue(receiving));
  }

  #continue(receiving: Receiving): void {
    receiving.busy = false;
    const next = receiving.waiting.shift();
    if (next !== undefined && this.#receiving === receiving) {
      this.#write(receiving, next);
    }
  }

  /** What this chunk belongs to; null while the image that it is of is being sealed. */
  #match(from: NodeId, frame: Chunk): Receiving | null {
    const current = this.#receiving;
    if (current !== null && isSame(current, frame)) {
      return current.sealing ? null : current;
    }
    if (current !== null && !current.sealing) {
      current.sink.abort();
    }
    const { snapshot, term, totalBytes } = frame;
    const sink = this.#ports.sinkFor(snapshot);
    const receiving: Receiving = {
      snapshot,
      totalBytes,
      from,
      term,
      sink,
      check: new ImageCheck(),
      attempts: 1,
      busy: false,
      resuming: false,
      sealing: false,
      waiting: [],
      silentTicks: 0,
    };
    this.#receiving = receiving;
    if (sink.resume !== undefined) {
      receiving.busy = true;
      receiving.resuming = true;
      this.#ports.guard.run(this.#resume(receiving), () => this.#continue(receiving));
    }
    return receiving;
  }

  /** Goes on where an earlier reception of the same image ended; its bytes count for the checksum again. */
  *#resume(receiving: Receiving): Task<void> {
    const { sink } = receiving;
    const kept = yield* guarded<number>(this.#ports.guard, (completed) => {
      assert(sink.resume !== undefined, "snapshot receiver: nothing to resume");
      sink.resume((bytes) => {
        receiving.check.take(bytes);
        return true;
      }, completed);
    });
    assert(kept === receiving.check.bytes, "snapshot receiver: other bytes resumed than were told");
    receiving.resuming = false;
    if (this.#receiving !== receiving) {
      return;
    }
    if (kept > receiving.totalBytes) {
      this.#restart(receiving, "more was kept than the image has");
    } else if (kept === receiving.totalBytes) {
      yield* this.#seal(receiving);
    }
    // Otherwise the chunk that waits is written, or answered with what is wanted.
  }

  *#take(receiving: Receiving, chunk: Uint8Array): Task<void> {
    const { guard } = this.#ports;
    if (chunk.length > 0) {
      yield* guarded<void>(guard, (completed) => receiving.sink.write(chunk, completed));
      receiving.check.take(chunk);
    }
    if (this.#receiving !== receiving) {
      return;
    }
    if (receiving.check.bytes < receiving.totalBytes) {
      this.#answer(receiving, false);
      return;
    }
    yield* this.#seal(receiving);
  }

  *#seal(receiving: Receiving): Task<void> {
    const fault = receiving.check.fault();
    if (fault !== null) {
      this.#restart(receiving, fault);
      return;
    }
    receiving.sealing = true;
    yield* guarded<void>(this.#ports.guard, (completed) => receiving.sink.finish(completed));
    if (this.#receiving === receiving) {
      this.#receiving = null;
    }
    this.#ports.emit({ type: "snapshot-received", from: receiving.from, snapshot: receiving.snapshot });
    this.#ports.received(receiving.from, receiving.term, receiving.snapshot);
    this.#answer(receiving, false);
  }

  /**
   * The image is not what it says: parts of two, or damaged on its way. Nothing of it is kept; it is asked for from the beginning,
   * and given up when that does not help.
   */
  #restart(receiving: Receiving, why: string): void {
    const { from, snapshot } = receiving;
    this.#ports.emit({ type: "snapshot-discarded", from, snapshot, why });
    receiving.sink.abort();
    receiving.waiting.length = 0;
    if (receiving.attempts >= attemptCountMax) {
      this.#receiving = null;
      this.#answer(receiving, true);
      return;
    }
    receiving.attempts++;
    receiving.sink = this.#ports.sinkFor(snapshot);
    receiving.check = new ImageCheck();
    this.#answer(receiving, false);
  }

  #answer(receiving: Receiving, failed: boolean): void {
    const { check, from, snapshot } = receiving;
    this.#ports.send(from, { kind: "snapshot-answer", snapshot, offset: check.bytes, failed });
  }

  /** Time passes: silence counts from one chunk to the next, however long the whole image takes. */
  tick(): void {
    const receiving = this.#receiving;
    if (receiving !== null && !receiving.sealing && ++receiving.silentTicks >= this.#giveUpTicks) {
      this.stop();
    }
  }

  /** Lets go of an image that is not whole. Where the storage can, what came of it is kept for a later chunk of the same. */
  stop(): void {
    const receiving = this.#receiving;
    this.#receiving = null;
    if (receiving === null || receiving.sealing) {
      return;
    }
    if (receiving.sink.suspend === undefined) {
      receiving.sink.abort();
    } else {
      receiving.sink.suspend();
    }
  }
}

/** One image, by what it is of; that its bytes are the same too shows at its end. */
function isSame({ snapshot, totalBytes }: Receiving, frame: Chunk): boolean {
  return (
    snapshot.index === frame.snapshot.index &&
    snapshot.term === frame.snapshot.term &&
    totalBytes === frame.totalBytes
  );
}
