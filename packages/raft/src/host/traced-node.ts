/** A core that tells of each of its inputs: the driver of a traced member calls it like any other, and the trace cannot miss one. */

import type { RaftConfig } from "../config.ts";
import {
  RawNode,
  type ReadIndexResult,
  type SnapshotRequestResult,
  type TransferResult,
} from "../raw-node.ts";
import { type TraceDetail, type TraceEvent, type TraceEventKind, Tracer } from "../trace.ts";
import type { ConfChange } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { LogId } from "../types/entry.ts";
import type { LogIndex, NodeId } from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import type { ConfChangeResult, ProposeResult } from "../types/proposal.ts";
import type { Ready } from "../types/ready.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";

/** Who takes the trace of a member. */
export interface HostTrace {
  /** Of an event: milliseconds or ticks, as the reader is to see them. */
  readonly time: () => number;
  /** Takes each event, in the middle of a turn: it must not wait, throw or call back into the host. */
  readonly sink: (event: TraceEvent) => void;
}

/** See `RawNode` for what the methods do. */
export class TracedNode extends RawNode {
  readonly #tracer: Tracer;

  constructor(config: RaftConfig, { sink, time }: HostTrace) {
    super(config);
    this.#tracer = new Tracer(this, time, sink);
    this.#tracer.record("start");
  }

  #traced<T>(result: T, kind: TraceEventKind, detail?: TraceDetail): T {
    this.#tracer.record(kind, detail);
    return result;
  }

  /** The stored log has lost its beginning. */
  compacted(): void {
    this.#tracer.record("compacted");
  }

  override tick(): void {
    this.#traced(super.tick(), "tick");
  }

  override campaign(): boolean {
    return this.#traced(super.campaign(), "campaign");
  }

  override propose(data: readonly Uint8Array[]): ProposeResult {
    return this.#traced(super.propose(data), "propose");
  }

  override proposeConfChange(change: ConfChange, form: "single" | "joint"): ConfChangeResult {
    return this.#traced(super.proposeConfChange(change, form), "propose");
  }

  override applyConfChange(change: ConfChange): ConfState {
    return this.#traced(super.applyConfChange(change), "apply-conf-change");
  }

  override adoptConfState(confState: ConfState): void {
    this.#traced(super.adoptConfState(confState), "report");
  }

  override setVoteFloor(floor: LogId | null): void {
    this.#traced(super.setVoteFloor(floor), "report");
  }

  override resign(): boolean {
    return this.#traced(super.resign(), "report");
  }

  override step(message: Message): ReturnType<RawNode["step"]> {
    return this.#traced(super.step(message), "receive", { message });
  }

  override ready(): Ready {
    return this.#traced(super.ready(), "ready");
  }

  override persisted(seq: number): void {
    this.#traced(super.persisted(seq), "persisted");
  }

  override applied(index: LogIndex): void {
    this.#traced(super.applied(index), "applied");
  }

  override logLoaded(): void {
    this.#traced(super.logLoaded(), "report");
  }

  override reportUnreachable(id: NodeId): void {
    this.#traced(super.reportUnreachable(id), "report");
  }

  override reportSnapshot(id: NodeId, ok: boolean): void {
    this.#traced(super.reportSnapshot(id, ok), "report");
  }

  override transferLeadership(id: NodeId): TransferResult {
    return this.#traced(super.transferLeadership(id), "transfer", { target: id });
  }

  override requestSnapshot(): SnapshotRequestResult {
    return this.#traced(super.requestSnapshot(), "report");
  }

  override expectSnapshot(image: SnapshotMetadata): boolean {
    return this.#traced(super.expectSnapshot(image), "report");
  }

  override endSnapshotRequest(): void {
    this.#traced(super.endSnapshotRequest(), "report");
  }

  override forgetLeader(): boolean {
    return this.#traced(super.forgetLeader(), "forget-leader");
  }

  override readIndex(context: Uint8Array, by?: "mode" | "quorum"): ReadIndexResult {
    return this.#traced(super.readIndex(context, by), "read");
  }
}
