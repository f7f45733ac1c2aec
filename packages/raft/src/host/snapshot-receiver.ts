/**
 * Receives the leader's image beside everything that is there (RAFT §5.3): nothing is replaced before the image is whole,
 * verified and durable. Only then the core learns of it.
 */
import { assert, type Task } from "@quorate/base";
import type { NodeId, Term } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { HostEvent } from "./events.ts";
import { type Guard, guarded } from "./guard.ts";
import type { PeerFrame, SnapshotSink, Storage } from "./ports.ts";

type Chunk = PeerFrame & { readonly kind: "snapshot-chunk" };

/** Chunks kept while one is being written: more than a sender's window holds. */
const waitingCountMax = 8;

/** What receiving works with. */
interface SnapshotReceiverPorts {
  readonly guard: Guard;
  readonly storage: Storage;
  send(to: NodeId, frame: PeerFrame): void;
  /** The image is durable: the core may install it. */
  received(from: NodeId, term: Term, snapshot: SnapshotMetadata): void;
  emit(event: HostEvent): void;
}

interface Receiving {
  readonly from: NodeId;
  readonly snapshot: SnapshotMetadata;
  readonly totalBytes: number;
  readonly sink: SnapshotSink;
  /** The newest term in which its sender led. */
  term: Term;
  /** The next byte wanted. */
  wanted: number;
  busy: boolean;
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
    receiving.term = frame.term;
    receiving.silentTicks = 0;
    if (receiving.busy) {
      if (receiving.waiting.length < waitingCountMax && frame.offset > receiving.wanted) {
        receiving.waiting.push(frame);
      }
      return; // The completion of what is being written asks for what is missing.
    }
    this.#write(receiving, frame);
  }

  #write(receiving: Receiving, frame: Chunk): void {
    if (frame.offset !== receiving.wanted) {
      this.#answer(receiving);
      return;
    }
    receiving.busy = true;
    this.#ports.guard.run(this.#take(receiving, frame.chunk), () => {
      receiving.busy = false;
      const next = receiving.waiting.shift();
      if (next !== undefined && this.#receiving === receiving) {
        this.#write(receiving, next);
      }
    });
  }

  #match(from: NodeId, frame: Chunk): Receiving {
    const current = this.#receiving;
    const { snapshot, totalBytes } = frame;
    if (
      current !== null &&
      current.from === from &&
      current.snapshot.index === snapshot.index &&
      current.snapshot.term === snapshot.term &&
      current.totalBytes === totalBytes
    ) {
      return current;
    }
    this.stop();
    const sink = this.#ports.storage.receiveSnapshot(snapshot);
    const { term } = frame;
    this.#receiving = {
      from,
      snapshot,
      totalBytes,
      sink,
      term,
      wanted: 0,
      busy: false,
      waiting: [],
      silentTicks: 0,
    };
    return this.#receiving;
  }

  *#take(receiving: Receiving, chunk: Uint8Array): Task<void> {
    const { guard } = this.#ports;
    if (chunk.length > 0) {
      yield* guarded<void>(guard, (completed) => receiving.sink.write(chunk, completed));
      receiving.wanted += chunk.length;
    }
    if (this.#receiving !== receiving) {
      return;
    }
    if (receiving.wanted < receiving.totalBytes) {
      this.#answer(receiving);
      return;
    }
    // From here on the image is the storage's: a newer transfer does not abort it.
    this.#receiving = null;
    yield* guarded<void>(guard, (completed) => receiving.sink.finish(completed));
    this.#ports.emit({ type: "snapshot-received", from: receiving.from, snapshot: receiving.snapshot });
    this.#ports.received(receiving.from, receiving.term, receiving.snapshot);
    this.#answer(receiving);
  }

  #answer(receiving: Receiving): void {
    const { from, snapshot, wanted } = receiving;
    this.#ports.send(from, { kind: "snapshot-answer", snapshot, offset: wanted, failed: false });
  }

  tick(): void {
    if (this.#receiving !== null && ++this.#receiving.silentTicks >= this.#giveUpTicks) {
      this.stop();
    }
  }

  /** Drops what was received of an image that is not whole. */
  stop(): void {
    const receiving = this.#receiving;
    this.#receiving = null;
    receiving?.sink.abort();
  }
}
