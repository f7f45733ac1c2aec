/**
 * Clients that watch: several watchers on one stream, from now or from a revision of the past, with and without filters, previous pairs
 * and notifications. When a stream breaks, or has said nothing for too long, each goes on at another member where it was.
 */

import type { CallEnd } from "../etcd/client-calls.ts";
import type { ClientStream } from "../etcd/client-network.ts";
import { endOf, prefixes } from "../etcd/names.ts";
import { Message, MessageWriter } from "../etcd/protobuf.ts";
import { pairOfMessage } from "../etcd/texts.ts";
import { type SeenEvent, WatchChecker, type WatchWish } from "../etcd/watch-checker.ts";
import { promise } from "../violation.ts";
import { Client, type ClientKit } from "./client.ts";

const path = "/etcdserverpb.Watch/Watch";
/** A stream that was asked for progress and says nothing for so long is given up. */
const silenceMs = 4_000;

interface Watcher {
  readonly checker: WatchChecker;
  readonly wish: WatchWish;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
}

/** Watchers of one stream by their ids. */
interface Open {
  readonly stream: ClientStream;
  readonly watchers: Map<number, Watcher>;
  /** Ids whose beginning was confirmed. */
  readonly created: Set<number>;
  heardMs: number;
}

/** See the head of this file. */
export class Watchers extends Client {
  readonly #watchers: Watcher[];
  #open: Open | null = null;
  #nextId = 1;
  #isOver = false;

  constructor(kit: ClientKit, name: string, keyCount: number) {
    super(kit, name);
    const count = this.random.integer(1, 4);
    this.#watchers = Array.from({ length: count }, (_, i) => this.#draw(`${name}.${i}`, keyCount));
  }

  start(): void {
    this.#begin();
    this.#look();
    this.#dawdle();
  }

  /** Whether every watcher got everything up to now. */
  get hasAll(): boolean {
    const { revision } = this.kit.oracle.model;
    return this.#watchers.every(({ checker }) => checker.hasAll(revision));
  }

  /** What each watcher still waits for. */
  describe(): string {
    const { revision } = this.kit.oracle.model;
    return `${this.name}: due ${this.#watchers.map(({ checker }) => checker.next)} of ${revision}`;
  }

  /** Ends for good. */
  close(): void {
    this.#isOver = true;
    this.#open?.stream.abort();
    this.#open = null;
  }

  #draw(name: string, keyCount: number): Watcher {
    const { random } = this;
    const { history } = this.kit.oracle.model;
    const key = `${prefixes.mix}${random.integer(0, keyCount)}`;
    const ranges = [
      { key, rangeEnd: "" },
      { key: prefixes.mix, rangeEnd: endOf(prefixes.mix) },
      { key: prefixes.all, rangeEnd: endOf(prefixes.all) },
      { key: prefixes.all, rangeEnd: "\0" },
      { key: "k", rangeEnd: endOf("k") },
    ];
    const filter = random.pick(["none", "none", "none", "put", "delete"]);
    const wish = {
      ...random.pick(ranges),
      prevKv: random.chance(0.5),
      noPut: filter === "put",
      noDelete: filter === "delete",
    };
    const start = random.chance(0.5) ? null : 1;
    const checker = new WatchChecker(name, history, wish, start);
    return { checker, wish, progressNotify: random.chance(0.5), fragment: random.chance(0.3) };
  }

  #begin(): void {
    const { network, world } = this.kit;
    const metadata = this.random.chance(0.3) ? new Map([["hasleader", "true"]]) : new Map<string, string>();
    const stream = network.stream(this.node(), this.head(path, metadata), {
      arrived: (bytes) => this.#arrived(open, new Message(bytes)),
      closed: (end) => this.#closed(open, end),
    });
    const open: Open = { stream, watchers: new Map(), created: new Set(), heardMs: world.nowMs };
    this.#open = open;
    for (const watcher of this.#watchers) {
      this.#create(open, watcher);
    }
  }

  #create(open: Open, watcher: Watcher): void {
    const { checker, wish } = watcher;
    const id = this.#nextId;
    this.#nextId++;
    open.watchers.set(id, watcher);
    const filters = [...(wish.noPut ? [0] : []), ...(wish.noDelete ? [1] : [])];
    const create = new MessageWriter()
      .text(1, wish.key)
      .text(2, wish.rangeEnd)
      .number(3, checker.next ?? 0)
      .flag(4, watcher.progressNotify)
      .bytes(5, Uint8Array.from(filters))
      .flag(6, wish.prevKv)
      .number(7, id)
      .flag(8, watcher.fragment);
    open.stream.send(new MessageWriter().message(1, create).finish());
  }

  /** Now and then asks how far the stream is, and gives up one that does not say. */
  #look(): void {
    const { world } = this.kit;
    const pauseMs = this.random.integer(200, 2_000);
    world.schedule(pauseMs, () => {
      const open = this.#open;
      if (this.#isOver) {
        return;
      }
      if (open !== null && world.nowMs - open.heardMs > silenceMs) {
        open.stream.abort();
        this.#goOn(open);
      } else {
        open?.stream.send(new MessageWriter().message(3, new MessageWriter()).finish());
      }
      this.#look();
    });
  }

  /** Now and then takes nothing for a while. */
  #dawdle(): void {
    this.later(this.random.integer(1_000, 10_000) * this.kit.world.clientPace, () => {
      const open = this.#open;
      open?.stream.setReading(false);
      this.kit.counts.add("watch-reader-slow");
      this.kit.world.schedule(this.random.integer(100, 3_000), () => open?.stream.setReading(true));
      this.#dawdle();
    });
  }

  #closed(open: Open, _end: CallEnd): void {
    this.#goOn(open);
  }

  #goOn(open: Open): void {
    if (this.#open !== open || this.#isOver) {
      return;
    }
    this.#open = null;
    for (const { checker } of this.#watchers) {
      checker.interrupted();
    }
    this.kit.world.schedule(this.random.integer(1, 300), () => {
      if (this.#open === null && !this.#isOver) {
        this.kit.counts.add("watch-resumed");
        this.#begin();
      }
    });
  }

  #arrived(open: Open, message: Message): void {
    if (this.#open !== open) {
      return;
    }
    open.heardMs = this.kit.world.nowMs;
    const revision = message.message(1)?.number(3) ?? 0;
    const id = message.number(2);
    const { model } = this.kit.oracle;
    promise(
      revision <= model.revision,
      "watch",
      () => `${this.name}: a response names revision ${revision}; the newest is ${model.revision}`,
    );
    if (id === -1) {
      this.#progressed(open, message, revision);
      return;
    }
    const watcher = open.watchers.get(id);
    promise(
      watcher !== undefined,
      "watch",
      () => `${this.name}: a response for watcher ${id}, which is none`,
    );
    this.#of(open, id, watcher, message, revision);
  }

  #of(open: Open, id: number, watcher: Watcher, message: Message, revision: number): void {
    const { counts, oracle } = this.kit;
    const events = message.messages(11);
    if (message.flag(3)) {
      promise(!open.created.has(id), "watch", () => `${this.name}: watcher ${id} begins twice`);
      open.created.add(id);
      watcher.checker.created(revision);
      counts.add("watch");
    } else if (message.flag(4)) {
      this.#canceled(open, id, watcher, message);
    } else if (events.length === 0) {
      watcher.checker.progressed(revision);
      counts.add("watch-progress");
    } else {
      promise(
        open.created.has(id),
        "watch",
        () => `${this.name}: events before the beginning of watcher ${id}`,
      );
      watcher.checker.came(events.map(seenOf), message.flag(7), oracle.model.compactRevision);
      counts.add("watch-event", events.length);
    }
  }

  /** ETCD: an answer to a question about progress stands for all watchers of the stream. */
  #progressed(open: Open, message: Message, revision: number): void {
    promise(!message.flag(4), "watch", () => `${this.name}: a watcher is refused: ${message.text(6)}`);
    for (const [id, { checker }] of open.watchers) {
      if (open.created.has(id)) {
        checker.progressed(revision);
      }
    }
    this.kit.counts.add("watch-progress");
  }

  #canceled(open: Open, id: number, watcher: Watcher, message: Message): void {
    const { counts, oracle } = this.kit;
    const compactRevision = message.number(5);
    promise(compactRevision > 0, "watch", () => `${this.name}: watcher ${id} is ended: ${message.text(6)}`);
    watcher.checker.compacted(compactRevision, oracle.model.compactRevision);
    counts.add("watch-compacted");
    open.watchers.delete(id);
    this.#create(open, watcher);
  }
}

/** mvccpb.Event. */
function seenOf(message: Message): SeenEvent {
  const pair = message.message(2);
  const previous = message.message(3);
  promise(pair !== null, "watch", () => "an event without a pair");
  return {
    type: message.number(1) === 0 ? "put" : "delete",
    pair: pairOfMessage(pair),
    previous: previous === null ? null : pairOfMessage(previous),
  };
}
