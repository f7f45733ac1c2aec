/**
 * An image that a follower or learner asks its leader for, because it doubts its state machine although its log is whole. It is kept like
 * one that was made here: the log stays, and the machine is restored from it; until then nothing above it is known to be committed.
 * A restart forgets the request, another leader ends it.
 */
import { assert, must } from "@quorate/base";
import type { RawNode, SnapshotRequestRefusal } from "../raw-node.ts";
import type { LogIndex, NodeId } from "../types/ids.ts";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import type { HostEvent } from "./events.ts";
import type { Waiting } from "./outcome.ts";
import type { LeaderRequestRefusal, SnapshotSink, Storage } from "./ports.ts";

/** Why an image that was asked for is no longer waited for. */
export type SnapshotRequestEnd =
  | "leader-changed"
  | "connection-lost"
  | "timed-out"
  | "stopped"
  | "abandoned"
  /** The answer is of a version that is not known here. */
  | "not-understood";

/** How a request for an image ended. Only `installed` has replaced the state machine's state. */
export type SnapshotRequestOutcome =
  | { readonly kind: "installed"; readonly snapshot: SnapshotMetadata }
  /** No image comes. `busy`: the leader takes no entry now, and no image can be of what is committed here without one. */
  | {
      readonly kind: "refused";
      readonly reason: SnapshotRequestRefusal | LeaderRequestRefusal | "busy";
      readonly leader: NodeId;
    }
  /** It was asked for, and may still come; this member takes it then only if its log needs it. */
  | { readonly kind: "ended"; readonly reason: SnapshotRequestEnd };

/** What asking needs of its host. */
interface SnapshotRequestPort {
  readonly isRunning: boolean;
  readonly core: Pick<
    RawNode,
    "leader" | "committed" | "requestSnapshot" | "expectSnapshot" | "endSnapshotRequest"
  >;
  readonly storage: Pick<Storage, "lastIndex" | "createSnapshot" | "receiveSnapshot">;
  /** Highest index that the state machine holds. */
  readonly applied: LogIndex;
  /** An image of the own state is being made. */
  readonly isMaking: boolean;
  /** Ends that: images of a doubted state are of no use. */
  abortMaking(): void;
  /** Drops what came of an image. */
  stopReceiving(): void;
  /** Asks the leader for an image of at least `index`. */
  ask(index: LogIndex): void;
  /** Restores the state machine from the image, which is the storage's newest. */
  restore(snapshot: SnapshotMetadata): void;
  emit(event: HostEvent): void;
}

interface Asked {
  /** The lowest index of the image. */
  readonly index: LogIndex;
  readonly done: (outcome: SnapshotRequestOutcome) => void;
  /** What is on its way; null before its first chunk, and where it takes the place of the log too. */
  image: SnapshotMetadata | null;
  phase: "waiting" | "receiving" | "restoring";
  silentTicks: number;
}

const settled: Waiting = { abandon: () => {} };

/** What a member asked for, one image at a time. */
export class SnapshotRequest {
  readonly #port: SnapshotRequestPort;
  readonly #giveUpTicks: number;
  #asked: Asked | null = null;

  constructor(port: SnapshotRequestPort, giveUpTicks: number) {
    assert(giveUpTicks > 0, "snapshot request: no time");
    this.#port = port;
    this.#giveUpTicks = giveUpTicks;
  }

  /** The lowest index of the image that is waited for; null where none is. */
  get index(): LogIndex | null {
    return this.#asked?.index ?? null;
  }

  /** Asks the leader; `done` is called exactly once. */
  begin(done: (outcome: SnapshotRequestOutcome) => void): Waiting {
    const port = this.#port;
    const { leader } = port.core;
    const result = port.core.requestSnapshot();
    if (!result.ok) {
      done({ kind: "refused", reason: result.reason, leader });
      return settled;
    }
    assert(this.#asked === null, "snapshot request: the core knows of none");
    const asked: Asked = { index: result.index, done, image: null, phase: "waiting", silentTicks: 0 };
    this.#asked = asked;
    port.abortMaking();
    port.emit({ type: "snapshot-requested", leader, index: asked.index });
    port.ask(asked.index);
    return {
      abandon: () => {
        if (this.#asked === asked) {
          this.#end({ kind: "ended", reason: "abandoned" });
        }
      },
    };
  }

  /** No image comes. */
  refused(reason: LeaderRequestRefusal | "busy", leader: NodeId): void {
    this.#end({ kind: "refused", reason, leader });
  }

  /** Nobody knows whether one comes, or it is too late for it. An image that is being restored is past that. */
  lost(reason: SnapshotRequestEnd): void {
    if (this.#asked?.phase !== "restoring" || reason === "stopped") {
      this.#end({ kind: "ended", reason });
    }
  }

  /**
   * What is to become of a chunk of `snapshot`: `take` it as what was asked for, leave it to be sent again (`wait`) until everything up to
   * the image is applied and durable here, or treat it like every `other` image.
   */
  judge(snapshot: SnapshotMetadata): "take" | "wait" | "other" {
    const asked = this.#asked;
    if (asked === null || asked.phase === "restoring" || snapshot.index < asked.index) {
      return "other";
    }
    const isSame = asked.image?.index === snapshot.index;
    if (!this.#port.core.expectSnapshot(snapshot)) {
      if (isSame) {
        // The leader was lost and found again since: more may be applied by now.
        this.lost("leader-changed");
      }
      return "other";
    }
    if (!isSame) {
      asked.image = snapshot;
      asked.phase = "waiting";
    }
    asked.silentTicks = 0;
    if (asked.phase === "waiting" && this.#isReady(snapshot)) {
      asked.phase = "receiving";
    }
    return asked.phase === "receiving" ? "take" : "wait";
  }

  /** Then the image stands to log and machine as one that is made here. */
  #isReady({ index }: SnapshotMetadata): boolean {
    const { applied, core, isMaking, storage } = this.#port;
    assert(applied <= index, "snapshot request: applied beyond the image");
    return applied === index && core.committed === index && storage.lastIndex >= index && !isMaking;
  }

  /** Where the image is to be stored: what was asked for leaves the log as it is, and begins anew after an interruption. */
  sinkFor(snapshot: SnapshotMetadata): SnapshotSink {
    const { storage } = this.#port;
    const asked = this.#asked;
    if (asked === null || asked.phase !== "receiving" || asked.image?.index !== snapshot.index) {
      return storage.receiveSnapshot(snapshot);
    }
    const sink = storage.createSnapshot(snapshot);
    return {
      write: (chunk, completed) => sink.write(chunk, completed),
      finish: (completed) => sink.finish(completed),
      abort: () => sink.abort(),
    };
  }

  /** An image is whole and durable. */
  received(snapshot: SnapshotMetadata): void {
    const asked = this.#asked;
    if (asked === null || asked.phase !== "receiving" || asked.image?.index !== snapshot.index) {
      return;
    }
    if (!this.#port.core.expectSnapshot(snapshot)) {
      this.lost("leader-changed");
      return;
    }
    assert(this.#port.applied === snapshot.index, "snapshot request: something was applied meanwhile");
    asked.phase = "restoring";
    this.#port.restore(snapshot);
  }

  /** The machine is restored from `snapshot`, whichever way it came. */
  restored(snapshot: SnapshotMetadata): void {
    if (this.#asked !== null && snapshot.index >= this.#asked.index) {
      this.#end({ kind: "installed", snapshot });
    }
  }

  tick(): void {
    const asked = this.#asked;
    if (asked !== null && asked.phase !== "restoring" && ++asked.silentTicks >= this.#giveUpTicks) {
      this.#end({ kind: "ended", reason: "timed-out" });
    }
  }

  #end(outcome: SnapshotRequestOutcome): void {
    if (this.#asked === null) {
      return;
    }
    const { done, phase } = must(this.#asked, "snapshot request: none");
    this.#asked = null;
    if (phase === "receiving") {
      this.#port.stopReceiving();
    }
    if (this.#port.isRunning) {
      this.#port.core.endSnapshotRequest();
    }
    this.#port.emit({ type: "snapshot-request-ended", outcome: outcome.kind });
    done(outcome);
  }
}
