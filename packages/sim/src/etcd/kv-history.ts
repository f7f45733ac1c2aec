/**
 * The model's memory: every version of every key, for ever. It forgets nothing, so that what members answer after a compaction, or send
 * to a watcher that starts in the past, can be held against what was. Plain lists and text; nothing of the production store is in here.
 */
import { assert, must } from "@quorate/base";
import type { TextPair } from "./texts.ts";

/** One version of a key. */
export interface ModelVersion extends TextPair {
  readonly lease: bigint;
  readonly isDeleted: boolean;
}

/** One change, with what the key held before. */
export interface ModelEvent {
  readonly version: ModelVersion;
  /** Null where the key did not exist. */
  readonly previous: ModelVersion | null;
}

const noEvents: readonly ModelEvent[] = [];

/** Whether `candidate` lies in the range: an empty end means the one key, a zero byte means no end. */
export function isWithin(key: string, rangeEnd: string, candidate: string): boolean {
  if (rangeEnd === "") {
    return candidate === key;
  }
  return candidate >= key && (rangeEnd === "\0" || candidate < rangeEnd);
}

/** See the head of this file. */
export class KvHistory {
  /** All keys that ever existed, in order. Keys here are ASCII, so that the order of texts is that of bytes. */
  readonly #keys: string[] = [];
  readonly #versions = new Map<string, ModelVersion[]>();
  /** Events by revision; the first two places stay empty. */
  readonly #events: ModelEvent[][] = [[], []];
  #making: ModelEvent[] = [];

  /** The newest finished revision. */
  get revision(): number {
    return this.#events.length - 1;
  }

  /** What reads within a transaction see. */
  get readRevision(): number {
    return this.revision + (this.#making.length > 0 ? 1 : 0);
  }

  /** What happened in a revision, in order. */
  eventsAt(revision: number): readonly ModelEvent[] {
    return this.#events[revision] ?? noEvents;
  }

  /** The key's version at a revision, null where it does not exist then. */
  at(key: string, revision: number): ModelVersion | null {
    const versions = this.#versions.get(key) ?? [];
    for (let place = versions.length - 1; place >= 0; place--) {
      const version = must(versions[place], "history: a gap");
      if (version.mod <= revision) {
        return version.isDeleted ? null : version;
      }
    }
    return null;
  }

  /** Existing keys of a range at a revision, in order. */
  range(key: string, rangeEnd: string, revision: number): ModelVersion[] {
    const found: ModelVersion[] = [];
    const keys = rangeEnd === "" ? [key] : this.#keys;
    for (const candidate of keys) {
      const version = isWithin(key, rangeEnd, candidate) ? this.at(candidate, revision) : null;
      if (version !== null) {
        found.push(version);
      }
    }
    return found;
  }

  put(key: string, value: string, lease: bigint): void {
    const mod = this.revision + 1;
    const previous = this.at(key, mod);
    const version = (previous?.version ?? 0) + 1;
    this.#add(
      { key, value, mod, create: previous?.create ?? mod, version, lease, isDeleted: false },
      previous,
    );
  }

  remove(previous: ModelVersion): void {
    const mod = this.revision + 1;
    const { key } = previous;
    this.#add({ key, value: "", mod, create: 0, version: 0, lease: 0n, isDeleted: true }, previous);
  }

  /** Ends the revision that is being made, if anything was written. */
  finish(): number {
    if (this.#making.length > 0) {
      this.#events.push(this.#making);
      this.#making = [];
    }
    return this.revision;
  }

  #add(version: ModelVersion, previous: ModelVersion | null): void {
    const versions = this.#versions.get(version.key);
    if (versions === undefined) {
      const place = this.#keys.findIndex((key) => key > version.key);
      this.#keys.splice(place < 0 ? this.#keys.length : place, 0, version.key);
      this.#versions.set(version.key, [version]);
    } else {
      assert((versions.at(-1)?.mod ?? 0) < version.mod, "history: a key written twice in one revision");
      versions.push(version);
    }
    this.#making.push({ version, previous });
  }
}
