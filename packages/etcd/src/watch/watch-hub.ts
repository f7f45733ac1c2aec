/**
 * Gives out what happened. New events go to the watchers that are live, found by an interval tree; a watcher that starts in
 * the past, or whose client reads too slowly, is behind and reads history in slices until it meets the live ones. Both
 * positions are revisions, whole ones, and both move here only, in one thread: nothing is missed and nothing repeated where
 * they meet. Nothing is kept for a watcher that is behind, so memory is bounded by what streams have not sent yet.
 *
 * PERF: after responses to a thousand watchers or more it rests for some milliseconds, and what happens meanwhile goes out together:
 * 10,000 watchers of one key, written as fast as it goes, get 1.4 times the events where Go's clients are the limit, which spend more
 * on a response than on an event; ten writers that wait for their events get 0.7 times. A write that stands alone never waits.
 */
import { assert } from "@quorate/base";
import type { KvEvent } from "@quorate/kv";
import { SharedEvent } from "../codec/watch-response.ts";
import type { DeferPort, StorePort } from "../ports.ts";
import { EventRun } from "./event-run.ts";
import { IntervalTree } from "./interval-tree.ts";
import type { Watcher, WatchSink } from "./watcher.ts";

/** Responses in one go that are worth a rest, of a millisecond for how many of them, and the longest one. */
const responsesToRest = 1000;
const responsesPerRestMs = 250;
const restMsMax = 50;

/** See the head of this file. */
export class WatchHub {
  readonly #store: StorePort;
  readonly #defer: DeferPort;
  /** Events of one slice, about; a revision is never cut. */
  readonly #sliceEventCount: number;
  readonly #live: IntervalTree<Watcher> = new IntervalTree();
  readonly #behind: IntervalTree<Watcher> = new IntervalTree();
  readonly #behindWatchers: Set<Watcher> = new Set();
  readonly #streams: Set<WatchSink> = new Set();
  /** Streams with pending events, within one slice. */
  readonly #dirty: Set<WatchSink> = new Set();
  /** The first revision that live watchers have not got. */
  #next: number;
  #scheduled = false;
  #resting = false;
  /** Responses to watchers since the last run. */
  #responseCount = 0;
  #stopped = false;

  constructor(store: StorePort, defer: DeferPort, sliceEventCount: number) {
    assert(sliceEventCount > 0, "watch hub: slices without events");
    this.#sliceEventCount = sliceEventCount;
    this.#store = store;
    this.#defer = defer;
    this.#next = store.revision + 1;
  }

  /** Every live watcher has got everything up to this revision. */
  get revision(): number {
    return this.#next - 1;
  }

  /** Tree nodes that new events have been compared with, ever: the measure of what watchers cost writers. */
  get visitedCount(): number {
    return this.#live.visitedCount;
  }

  get streams(): ReadonlySet<WatchSink> {
    return this.#streams;
  }

  addStream(stream: WatchSink): void {
    this.#streams.add(stream);
  }

  removeStream(stream: WatchSink): void {
    const known = this.#streams.delete(stream);
    assert(known, "watch hub: an unknown stream ended");
    for (const watcher of stream.watchers) {
      this.remove(watcher);
    }
  }

  /** Takes a new watcher in, wherever it starts. */
  add(watcher: Watcher): void {
    assert(watcher.state === "new", "watch hub: watcher added twice");
    if (this.#live.size === 0) {
      this.#feedLive();
    }
    if (watcher.next >= this.#next) {
      this.#enterLive(watcher);
    } else {
      this.#enterBehind(watcher);
      this.schedule();
    }
  }

  remove(watcher: Watcher): void {
    if (watcher.state === "live") {
      this.#live.remove(watcher.begin, watcher.end, watcher);
    } else if (watcher.state === "behind") {
      this.#leaveBehind(watcher);
    }
    watcher.state = "ended";
  }

  /** Something has happened. */
  revised(): void {
    if (this.#streams.size > 0) {
      this.schedule();
    }
  }

  /** Gives out soon, after other work of this turn or when the rest is over, what may have happened. */
  schedule(): void {
    if (!this.#scheduled && !this.#stopped) {
      this.#scheduled = true;
      if (!this.#resting) {
        this.#defer.defer(() => this.#run());
      }
    }
  }

  /** Gives live watchers everything at once, because it is about to become unreadable. */
  forgetting(): void {
    while (!this.#stopped && this.#feedLive()) {}
  }

  stop(): void {
    this.#stopped = true;
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#stopped) {
      return;
    }
    const moreNew = this.#feedLive();
    const moreOld = this.#catchUp();
    for (const stream of this.#streams) {
      stream.answerProgress(this.revision);
    }
    this.#rest();
    if (moreNew || moreOld) {
      this.schedule();
    }
  }

  #rest(): void {
    const count = this.#responseCount;
    this.#responseCount = 0;
    if (count < responsesToRest || this.#defer.after === undefined) {
      return;
    }
    assert(!this.#resting, "watch hub: works while it rests");
    this.#resting = true;
    this.#defer.after(Math.min(Math.floor(count / responsesPerRestMs), restMsMax), () => {
      this.#resting = false;
      if (this.#scheduled) {
        this.#run();
      }
    });
  }

  /** One slice of new events; whether there are more. */
  #feedLive(): boolean {
    const store = this.#store;
    if (this.#live.size === 0) {
      this.#next = Math.max(this.#next, store.revision + 1);
      return false;
    }
    assert(this.#next <= store.revision + 1, "watch hub: the store has gone back");
    const slice = store.events(this.#next, this.#sliceEventCount);
    if (slice.type === "refused") {
      // A restored image begins behind what was given out.
      this.#cancelCompacted();
      this.#next = store.compactRevision;
      return true;
    }
    this.#giveOut(slice.events, this.#live, 0);
    this.#next = slice.nextRevision;
    this.#send(this.revision);
    return this.#next <= store.revision;
  }

  /** One slice of history for those who are furthest behind; whether anybody who can be sent to is still behind. */
  #catchUp(): boolean {
    const from = this.#furthestBehind();
    if (from === null) {
      return false;
    }
    if (from < this.#next) {
      const slice = this.#store.events(from, this.#sliceEventCount);
      if (slice.type === "refused") {
        this.#cancelCompacted();
        return true;
      }
      const until = Math.min(slice.nextRevision, this.#next);
      const events = slice.events.filter((event) => event.modRevision < until);
      this.#giveOut(events, this.#behind, from);
      this.#advance(from, until);
      this.#send(until - 1);
    }
    this.#joinLive();
    return this.#furthestBehind() !== null;
  }

  #furthestBehind(): number | null {
    let furthest: number | null = null;
    for (const watcher of this.#behindWatchers) {
      if (!watcher.stream.blocked && (furthest === null || watcher.next < furthest)) {
        furthest = watcher.next;
      }
    }
    return furthest;
  }

  /** Hands events out, revision by revision; `from` leaves alone those who are further behind. */
  #giveOut(events: readonly KvEvent[], tree: IntervalTree<Watcher>, from: number): void {
    const empty = EventRun.empty();
    let start = 0;
    while (start < events.length) {
      const revision = (events[start] as KvEvent).modRevision;
      const touched: Watcher[] = [];
      let at = start;
      for (; at < events.length && (events[at] as KvEvent).modRevision === revision; at++) {
        this.#gather(events[at] as KvEvent, tree, from, touched, empty);
      }
      for (const watcher of touched) {
        this.#give(watcher, revision);
      }
      assert(at > start, "watch hub: a revision without events");
      start = at;
    }
  }

  #gather(
    event: KvEvent,
    tree: IntervalTree<Watcher>,
    from: number,
    touched: Watcher[],
    empty: EventRun,
  ): void {
    const shared = new SharedEvent(event);
    const revision = event.modRevision;
    tree.visit(event.key, (watcher) => {
      const due = revision >= watcher.next && (from === 0 || watcher.next >= from);
      if (!due || watcher.stuckRevision !== 0 || !watcher.wants(event.type)) {
        return;
      }
      if (watcher.gatheredRevision !== revision) {
        watcher.gatheredRevision = revision;
        touched.push(watcher);
      }
      watcher.gather(shared, empty);
    });
  }

  /** All that a revision holds for a watcher goes to its stream, or none of it when the stream is full. */
  #give(watcher: Watcher, revision: number): void {
    const gathered = watcher.gathered;
    watcher.gathered = null;
    watcher.gatheredRevision = 0;
    if (watcher.state === "ended") {
      return;
    }
    if (!watcher.stream.blocked) {
      assert(gathered !== null, "watch hub: nothing gathered");
      this.#responseCount += watcher.pending === null ? 1 : 0;
      this.#dirty.add(watcher.stream);
      watcher.stream.append(watcher, gathered, revision);
    } else if (watcher.state === "behind") {
      watcher.stuckRevision = revision;
    } else {
      assert(watcher.state === "live", "watch hub: events for a watcher in no tree");
      this.#live.remove(watcher.begin, watcher.end, watcher);
      watcher.next = revision;
      this.#enterBehind(watcher);
    }
  }

  #send(revision: number): void {
    for (const stream of this.#dirty) {
      stream.send(revision);
    }
    this.#dirty.clear();
  }

  #advance(from: number, until: number): void {
    for (const watcher of this.#behindWatchers) {
      if (watcher.next >= from && watcher.next < until) {
        watcher.next = watcher.stuckRevision === 0 ? until : watcher.stuckRevision;
      }
      watcher.stuckRevision = 0;
    }
  }

  #joinLive(): void {
    for (const watcher of this.#behindWatchers) {
      if (watcher.next >= this.#next) {
        this.#leaveBehind(watcher);
        this.#enterLive(watcher);
      }
    }
  }

  #enterLive(watcher: Watcher): void {
    watcher.state = "live";
    this.#live.add(watcher.begin, watcher.end, watcher);
  }

  #enterBehind(watcher: Watcher): void {
    watcher.state = "behind";
    watcher.stream.behindCount++;
    this.#behindWatchers.add(watcher);
    this.#behind.add(watcher.begin, watcher.end, watcher);
  }

  #leaveBehind(watcher: Watcher): void {
    this.#behindWatchers.delete(watcher);
    this.#behind.remove(watcher.begin, watcher.end, watcher);
    watcher.stream.behindCount--;
    assert(watcher.stream.behindCount >= 0, "watch hub: fewer than none behind");
  }

  /** Ends the watchers whose next revision is compacted, and tells them so: never a silent gap. */
  #cancelCompacted(): void {
    const { compactRevision } = this.#store;
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers) {
        const next = watcher.state === "live" ? Math.max(watcher.next, this.#next) : watcher.next;
        if (next < compactRevision) {
          stream.cancelCompacted(watcher, compactRevision);
        }
      }
    }
  }
}
