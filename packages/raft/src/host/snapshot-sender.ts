/**
 * Sends images to members that need entries which are gone (RAFT §5.3): chunks in a small window, each asked for by the
 * receiver's next offset, so that a broken transfer goes on where it was.
 */
import { assert, type Task } from "@quorate/base";
import type { Buggify } from "../types/buggify.ts";
import type { NodeId, Term } from "../types/ids.ts";
import type { InstallSnapshot } from "../types/message.ts";
import type { HostCounters, HostEvent } from "./events.ts";
import { type Guard, guarded } from "./guard.ts";
import type { PeerFrame, SnapshotSource, Storage } from "./ports.ts";
import { roomOf } from "./snapshot-seal.ts";

/** What sending works with. */
interface SnapshotSenderPorts {
  readonly guard: Guard;
  readonly storage: Storage;
  readonly counters: HostCounters;
  readonly buggify?: Buggify | null;
  send(to: NodeId, frame: PeerFrame): void;
  /** The transfer has ended. */
  ended(to: NodeId, ok: boolean): void;
  /** A receiver found the image to be none: another must be made. */
  refused(): void;
  emit(event: HostEvent): void;
}

/** How images are cut and how long their receivers may be silent. */
interface SnapshotSenderLimits {
  readonly chunkBytes: number;
  readonly windowCount: number;
  /** Transfers under way at once; others wait for their turn. */
  readonly transferCountMax: number;
  /** Bytes that one tick sends, to all receivers together. */
  readonly bytesPerTickMax: number;
  /** Without an answer, before the window is sent again. */
  readonly resendTicks: number;
  /** Without an answer, before the transfer is given up. It has no time-out as a whole. */
  readonly giveUpTicks: number;
}

interface Transfer {
  readonly to: NodeId;
  readonly term: Term;
  source: SnapshotSource | null;
  /** PERF: where every chunk is read to, as the transport is done with it at once; memory for each is collected in long turns. */
  readonly room: Uint8Array;
  /** The next byte that the receiver wants, as far as it ever said. */
  wanted: number;
  /** What its latest answer said: less than that when it restarted and begins anew, or when the answer was late. */
  said: number;
  /** The next byte to be sent. */
  next: number;
  reading: boolean;
  silentTicks: number;
  sinceResendTicks: number;
}

/** The transfers of one leader, at most one to each member. */
export class SnapshotSender {
  readonly #ports: SnapshotSenderPorts;
  readonly #limits: SnapshotSenderLimits;
  /** ORDER: who was served longest ago comes first. */
  readonly #transfers: Map<NodeId, Transfer> = new Map();
  readonly #waiting: Map<NodeId, InstallSnapshot> = new Map();
  /** Bytes that may still be sent before the next tick. */
  #allowance: number;

  constructor(ports: SnapshotSenderPorts, limits: SnapshotSenderLimits) {
    assert(limits.windowCount > 0, "snapshot sender: empty window");
    assert(limits.giveUpTicks > limits.resendTicks, "snapshot sender: no time to send again");
    assert(limits.transferCountMax >= 1, "snapshot sender: no transfers");
    assert(limits.bytesPerTickMax >= 1, "snapshot sender: nothing may be sent");
    this.#ports = ports;
    this.#limits = limits;
    this.#allowance = limits.bytesPerTickMax;
  }

  /** Images under way; those that wait for their turn do not count. */
  get transferCount(): number {
    return this.#transfers.size;
  }

  /** Whether an image is under way to `to`, or waits for its turn. */
  isSending(to: NodeId): boolean {
    return this.#transfers.has(to) || this.#waiting.has(to);
  }

  /** Sends the newest durable snapshot in place of `message`, as soon as fewer than the most are under way. */
  begin(message: InstallSnapshot): void {
    this.#end(message.to, null);
    if (this.#transfers.size >= this.#limits.transferCountMax) {
      this.#waiting.set(message.to, message);
      return;
    }
    const transfer: Transfer = {
      to: message.to,
      term: message.term,
      source: null,
      room: roomOf(this.#limits.chunkBytes),
      wanted: 0,
      said: 0,
      next: 0,
      reading: false,
      silentTicks: 0,
      sinceResendTicks: 0,
    };
    this.#transfers.set(message.to, transfer);
    this.#ports.guard.run(this.#open(transfer, message), () => this.#fill(transfer));
  }

  *#open(transfer: Transfer, message: InstallSnapshot): Task<void> {
    const source = yield* guarded<SnapshotSource>(this.#ports.guard, (completed) =>
      this.#ports.storage.openSnapshot(completed),
    );
    assert(source.metadata.index >= message.snapshot.index, "snapshot sender: the snapshot went back");
    if (this.#transfers.get(transfer.to) === transfer) {
      transfer.source = source;
      this.#ports.counters.snapshotsSending++;
      const { bytes, metadata: snapshot } = source;
      this.#ports.emit({ type: "snapshot-sending", to: transfer.to, snapshot, bytes });
    } else {
      source.close();
    }
  }

  /** The receiver says what it wants next. */
  answered(from: NodeId, frame: PeerFrame & { readonly kind: "snapshot-answer" }): void {
    const transfer = this.#transfers.get(from);
    const source = transfer?.source ?? null;
    if (transfer === undefined || source === null || frame.snapshot.index !== source.metadata.index) {
      return;
    }
    if (frame.failed || frame.offset > source.bytes) {
      if (frame.failed) {
        this.#ports.refused();
      }
      this.#end(from, false);
      return;
    }
    transfer.silentTicks = 0;
    transfer.said = frame.offset;
    if (frame.offset > transfer.wanted || frame.offset === source.bytes) {
      transfer.wanted = frame.offset;
      transfer.next = Math.max(transfer.next, frame.offset);
      transfer.sinceResendTicks = 0;
    }
    if (transfer.wanted === source.bytes && frame.offset === source.bytes) {
      this.#ports.counters.snapshotsSent++;
      this.#end(from, true);
      return;
    }
    this.#fill(transfer);
  }

  /** Sends chunks until the window is full; an empty image is one empty chunk. */
  #fill(transfer: Transfer): void {
    const { source } = transfer;
    if (source === null || transfer.reading || this.#transfers.get(transfer.to) !== transfer) {
      return;
    }
    const windowEnd = transfer.wanted + this.#limits.windowCount * this.#limits.chunkBytes;
    const isWhole = transfer.next >= source.bytes && source.bytes > 0;
    if (isWhole || transfer.next >= windowEnd || this.#allowance < 1) {
      return; // What there is no allowance for goes with a later tick.
    }
    const chunkBytes = this.#ports.buggify?.("snapshot-chunk-tiny") ? 5 : this.#limits.chunkBytes;
    const length = Math.min(chunkBytes, source.bytes - transfer.next, this.#allowance);
    this.#allowance -= length;
    // The allowance goes round: whoever was served is last.
    this.#transfers.delete(transfer.to);
    this.#transfers.set(transfer.to, transfer);
    transfer.reading = true;
    this.#ports.guard.run(this.#sendChunk(transfer, source, length), (isEmpty) => {
      transfer.reading = false;
      if (!isEmpty) {
        this.#fill(transfer);
      }
    });
  }

  *#sendChunk(transfer: Transfer, source: SnapshotSource, length: number): Task<boolean> {
    const offset = transfer.next;
    const chunk = yield* guarded<Uint8Array>(this.#ports.guard, (completed) =>
      source.read(offset, length, completed, transfer.room),
    );
    if (this.#transfers.get(transfer.to) !== transfer || transfer.next !== offset) {
      return this.#transfers.get(transfer.to) !== transfer;
    }
    assert(chunk.length > 0 || source.bytes === 0, "snapshot sender: the image ends early");
    transfer.next = offset + chunk.length;
    if (this.#ports.buggify?.("snapshot-chunk-dropped")) {
      return chunk.length === 0; // As if the network had lost it.
    }
    this.#ports.send(transfer.to, {
      kind: "snapshot-chunk",
      snapshot: source.metadata,
      term: transfer.term,
      totalBytes: source.bytes,
      offset,
      chunk,
    });
    return chunk.length === 0;
  }

  tick(): void {
    this.#allowance = this.#limits.bytesPerTickMax;
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.next > transfer.said || transfer.source === null) {
        this.#tickSilent(transfer);
      }
      this.#fill(transfer);
    }
  }

  /** Only of a transfer of which something is under way: a receiver cannot answer what was never sent. */
  #tickSilent(transfer: Transfer): void {
    transfer.silentTicks++;
    transfer.sinceResendTicks++;
    if (transfer.silentTicks >= this.#limits.giveUpTicks) {
      this.#end(transfer.to, false);
    } else if (transfer.sinceResendTicks >= this.#limits.resendTicks) {
      transfer.sinceResendTicks = 0;
      transfer.wanted = transfer.said;
      transfer.next = transfer.said;
    }
  }

  /** Ends every transfer without a report: this member leads no more, or stops. */
  stop(): void {
    this.#waiting.clear();
    for (const to of [...this.#transfers.keys()]) {
      this.#end(to, null);
    }
  }

  #end(to: NodeId, ok: boolean | null): void {
    this.#waiting.delete(to);
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) {
      return;
    }
    this.#transfers.delete(to);
    const { source } = transfer;
    source?.close();
    if (ok !== null) {
      if (source !== null) {
        this.#ports.emit({ type: "snapshot-sent", to, snapshot: source.metadata, ok });
      }
      this.#ports.ended(to, ok);
    }
    this.#beginNext();
  }

  #beginNext(): void {
    for (const message of this.#waiting.values()) {
      this.begin(message);
      return;
    }
  }
}
