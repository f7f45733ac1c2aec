/**
 * One member with its disk: the real core, driven as its contract says, with durability as an input of its own. The disk
 * writes one batch at a time; a crash loses the batches that are still on their way.
 */
import { assert, must } from "@quorate/base";
import {
  type ConfState,
  type Entry,
  type HardState,
  indexZero,
  type LogView,
  type Message,
  type NodeId,
  noNode,
  RawNode,
  type Ready,
  termZero,
  toLogIndex,
} from "@quorate/raft";
import type { LocalInput } from "./inputs.ts";
import type { NamedText } from "./names.ts";
import { entryText, stateText, type TextDetail } from "./state-text.ts";

/** What survives a crash. */
export interface Durable {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

/** An empty disk. */
export const emptyDisk: Durable = {
  hardState: { term: termZero, vote: noNode, commit: indexZero },
  entries: [],
};

/** Never reached: time-outs come as inputs. */
const neverTicks = 2 ** 30;

/** How members are set up, equal for all. */
export interface LocalSettings {
  readonly confState: ConfState;
  readonly preVote: boolean;
  readonly candidatesAnswered: boolean;
  readonly diskForgets: boolean;
  /** Whether states that behave alike from here on are one. */
  readonly reduced: boolean;
}

/** See the head of this file. */
export class LocalNode {
  readonly #node: RawNode;
  readonly #entries: Entry[];
  readonly #settings: LocalSettings;
  readonly #pending: Ready[] = [];
  readonly #sent: Message[] = [];
  #hardState: HardState;

  constructor(id: NodeId, durable: Durable, settings: LocalSettings) {
    this.#settings = settings;
    this.#entries = [...durable.entries];
    this.#hardState = durable.hardState;
    this.#node = new RawNode({
      id,
      log: logOver(this.#entries),
      hardState: durable.hardState,
      confState: settings.confState,
      applied: indexZero,
      random: (low) => low,
      electionTimeoutTicks: neverTicks,
      heartbeatTicks: 1,
      preVote: settings.preVote,
      staleCandidateAnswered: settings.candidatesAnswered,
      checkQuorum: false,
      asyncStorage: true,
    });
    this.#drain();
  }

  /** Takes one input; {@link takeSent} says what left because of it. */
  take(input: LocalInput): void {
    switch (input.kind) {
      case "deliver":
        this.#node.step(input.message);
        break;
      case "campaign":
        this.#node.campaign();
        break;
      case "propose":
        this.#node.propose([Uint8Array.of(this.#proposedCount() + 1)]);
        break;
      case "change":
        this.#node.proposeConfChange(input.change, input.change.changes.length === 1 ? "single" : "joint");
        break;
      case "heartbeat":
        this.#node.tick();
        break;
      case "disk":
        this.#persist();
        break;
    }
    this.#drain();
  }

  /** Messages to others since the last call. */
  takeSent(): Message[] {
    return this.#sent.splice(0);
  }

  /** What a crash at this moment leaves. */
  durable(): Durable {
    return {
      hardState: this.#settings.diskForgets ? emptyDisk.hardState : this.#hardState,
      entries: [...this.#entries],
    };
  }

  get core(): RawNode {
    return this.#node;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** See {@link stateText}. */
  text(detail: TextDetail): NamedText {
    const parts = { hardState: this.#hardState, entries: this.#entries, pending: this.#pending };
    return stateText(this.#node, parts, detail);
  }

  /** The term that no crash takes back. */
  get durableTerm(): number {
    return this.#settings.diskForgets ? 0 : this.#hardState.term;
  }

  /** The whole log, durable or not, as texts by index − 1. */
  logTexts(): string[] {
    return this.#log().map((entry) => entryText(this.#node, entry));
  }

  #log(): Entry[] {
    const { log } = this.#node.unsafeState;
    const entries = this.#entries.slice(0, log.unstable.offset - 1);
    for (let index: number = log.unstable.offset; index <= log.lastIndex; index++) {
      entries.push(log.unstable.entry(toLogIndex(index)));
    }
    assert(entries.length === log.lastIndex, "explorer: the log has no gaps");
    return entries;
  }

  /** Proposals of this leader in its term: one leader a term, so that term and count name a proposal among all. */
  #proposedCount(): number {
    const { term } = this.#node;
    return this.#log().filter((one) => one.term === term && one.type === "normal" && one.data.length > 0)
      .length;
  }

  /** Takes all that the core has to say. Only what waits for the disk stays. */
  #drain(): void {
    while (this.#node.hasReady()) {
      const ready = this.#node.ready();
      assert(ready.snapshot === null && ready.loads.length === 0, "explorer: nothing is compacted");
      this.#send(ready.sendNow);
      this.#apply(ready);
      this.#pending.push(ready);
      this.#finishWithoutDisk();
    }
  }

  /** A batch that need not be durable, behind none that must be, is finished at once; its commit index may be lost. */
  #finishWithoutDisk(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      if (first.mustSync) {
        return;
      }
      this.#pending.shift();
      this.#node.persisted(first.seq);
      this.#send(first.sendAfterPersist);
    }
  }

  #persist(): void {
    const ready = must(this.#pending.shift(), "explorer: the disk has nothing to do");
    const first = ready.entries[0];
    if (first !== undefined) {
      assert(first.index <= this.#entries.length + 1, "explorer: a gap in the stored log");
      this.#entries.length = first.index - 1;
      this.#entries.push(...ready.entries);
    }
    this.#hardState = ready.hardState ?? this.#hardState;
    this.#node.persisted(ready.seq);
    this.#send(ready.sendAfterPersist);
    this.#finishWithoutDisk();
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.#node.unsafeState.id) {
        this.#node.step(message);
      } else {
        this.#sent.push(message);
      }
    }
  }

  #apply(ready: Ready): void {
    const last = ready.apply.at(-1);
    if (last === undefined) {
      return;
    }
    for (const entry of ready.apply) {
      if (entry.type !== "normal") {
        this.#node.applyConfChangeEntry(entry);
      }
    }
    this.#node.applied(last.index);
  }
}

function logOver(entries: readonly Entry[]): LogView {
  return {
    firstIndex: toLogIndex(1),
    get lastIndex() {
      return toLogIndex(entries.length);
    },
    term: (index) => (index === 0 ? termZero : (entries[index - 1]?.term ?? "unavailable")),
    entries: (low, high) => entries.slice(low - 1, high - 1),
    snapshot: () => null,
  };
}
