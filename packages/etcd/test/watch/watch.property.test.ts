/**
 * Watches against a list of everything that ever happened: random writes, compactions, watchers created anywhere, clients
 * that read slowly, and states replaced by an image. What each watcher got must be that list, cut down to what it asked for:
 * in order, once, whole revisions, and ended by name where history was gone.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  WatchCreateRequest_FilterType as Filter,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { type Command, encodeCommand, KvStateMachine } from "@quorate/kv";
import fc from "fast-check";
import { type FakeStream, Member, string, text } from "../api/fixture.ts";

const keys = ["a", "b", "ba", "c", "d"] as const;

interface Happened {
  readonly revision: number;
  readonly key: string;
  /** Null for a deletion. */
  readonly value: string | null;
  readonly before: string | null;
}

interface Watching {
  readonly stream: number;
  readonly key: string;
  readonly end: string;
  readonly prevKv: boolean;
  readonly filter: "none" | "no-put" | "no-delete";
  /** Relative to the revision of the moment; null means from now on. */
  readonly start: number | null;
}

type Write = readonly { readonly key: string; readonly put: boolean }[];
type Step =
  | { readonly do: "write"; readonly ops: Write }
  | { readonly do: "compact"; readonly back: number }
  | { readonly do: "watch"; readonly watching: Watching }
  | { readonly do: "cancel" | "fill" | "drain" | "progress"; readonly stream: number; readonly n: number }
  | { readonly do: "run"; readonly count: number }
  | { readonly do: "cut-off" | "restore" };

const streamCount = 3;
const stream = fc.nat(streamCount - 1);
const watching: fc.Arbitrary<Watching> = fc.record({
  stream,
  key: fc.constantFrom(...keys),
  end: fc.constantFrom("", "", "\0", "c", "z"),
  prevKv: fc.boolean(),
  filter: fc.constantFrom("none", "none", "no-put", "no-delete"),
  start: fc.option(fc.integer({ min: -12, max: 6 })),
});
const write = fc.array(fc.record({ key: fc.constantFrom(...keys), put: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: write.map((ops): Step => ({ do: "write", ops })) },
  { weight: 1, arbitrary: fc.nat(6).map((back): Step => ({ do: "compact", back })) },
  { weight: 4, arbitrary: watching.map((asked): Step => ({ do: "watch", watching: asked })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("cancel" as const, "fill" as const, "drain" as const, "progress" as const),
      stream,
      n: fc.nat(3),
    }),
  },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }).map((count): Step => ({ do: "run", count })) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: "cut-off" }, { do: "restore" }) },
);

interface Followed {
  readonly asked: Watching;
  readonly start: number;
  readonly got: Happened[];
  /** Revision of the last response with events. */
  lastRevision: number;
  compactRevision: number;
  cancelled: boolean;
}

class Run {
  readonly member = new Member();
  readonly #ahead = new KvStateMachine();
  readonly #history: Happened[] = [];
  readonly #values = new Map<string, string>();
  readonly #streams: FakeStream[] = [];
  readonly #watchers: Map<string, Followed> = new Map();
  #compacted = -1;
  #index = 0;
  #cutOff = false;

  constructor() {
    for (let i = 0; i < streamCount; i++) {
      this.#streams.push(this.member.stream("/etcdserverpb.Watch/Watch"));
    }
  }

  step(next: Step): void {
    switch (next.do) {
      case "write":
        this.#write(next.ops);
        break;
      case "compact":
        this.#compact(this.#ahead.revision - next.back);
        break;
      case "watch":
        this.#watch(next.watching);
        break;
      case "cancel":
        this.#streamOf(next.stream).send(WatchRequestSchema, {
          requestUnion: { case: "cancelRequest", value: { watchId: BigInt(next.n) } },
        });
        break;
      case "progress":
        this.#streamOf(next.stream).send(WatchRequestSchema, {
          requestUnion: { case: "progressRequest", value: {} },
        });
        break;
      case "fill":
        this.#streamOf(next.stream).room = next.n;
        break;
      case "drain":
        this.#streamOf(next.stream).drain(1 + next.n);
        break;
      case "run":
        for (let i = 0; i < next.count; i++) {
          this.member.deferred.shift()?.();
        }
        break;
      case "cut-off":
        this.#cutOff = true;
        break;
      case "restore":
        this.#restore();
        break;
    }
    this.#read();
  }

  /** Lets everything arrive; then looks at what each watcher got. */
  finish(): void {
    this.#restore();
    this.member.machine.sweep(1_000);
    this.member.runDeferred();
    for (const open of this.#streams) {
      open.drain(Number.POSITIVE_INFINITY);
    }
    this.member.runDeferred();
    this.#read();
    for (const followed of this.#watchers.values()) {
      this.#check(followed);
    }
  }

  #streamOf(n: number): FakeStream {
    const found = this.#streams[n];
    assert.ok(found !== undefined);
    return found;
  }

  #write(ops: Write): void {
    const seen = new Set<string>();
    const revision = this.#ahead.revision + 1;
    const success = [];
    for (const { key, put } of ops) {
      if (seen.has(key)) {
        continue;
      }
      seen.add(key);
      const before = this.#values.get(key) ?? null;
      const value = `${key}${revision}`;
      if (put) {
        const flags = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
        success.push({ type: "put", key: text(key), value: text(value), ...flags } as const);
        this.#values.set(key, value);
        this.#history.push({ revision, key, value, before });
      } else {
        success.push({ type: "delete-range", key: text(key), rangeEnd: text(""), prevKv: false } as const);
        if (this.#values.delete(key)) {
          this.#history.push({ revision, key, value: null, before });
        }
      }
    }
    this.#apply({ type: "txn", compares: [], success, failure: [] });
  }

  #compact(revision: number): void {
    if (revision > this.#compacted && revision >= 1) {
      this.#compacted = revision;
      this.#apply({ type: "compaction", revision, physical: false });
      if (!this.#cutOff) {
        this.member.machine.sweep(5);
      }
    }
  }

  #apply(command: Command): void {
    const bytes = encodeCommand(command);
    const context = { index: ++this.#index, term: 1 };
    this.#ahead.apply(bytes, context);
    if (!this.#cutOff) {
      this.member.machine.apply(bytes, context);
    }
  }

  #restore(): void {
    if (!this.#cutOff) {
      return;
    }
    this.#cutOff = false;
    const image = this.#ahead.snapshot();
    const restore = this.member.machine.restore();
    for (let chunk = image.read(1_000); chunk !== null; chunk = image.read(1_000)) {
      restore.write(chunk);
    }
    image.close();
    restore.finish();
  }

  #watch(asked: Watching): void {
    const now = this.member.machine.revision;
    const start = asked.start === null ? now + 1 : Math.max(1, now + asked.start);
    const filters = { none: [], "no-put": [Filter.NOPUT], "no-delete": [Filter.NODELETE] }[asked.filter];
    const open = this.#streamOf(asked.stream);
    this.#read();
    open.send(WatchRequestSchema, {
      requestUnion: {
        case: "createRequest",
        value: {
          key: text(asked.key),
          rangeEnd: text(asked.end),
          startRevision: BigInt(asked.start === null ? 0 : start),
          prevKv: asked.prevKv,
          filters,
        },
      },
    });
    const created = open.take(WatchResponseSchema);
    const first = created[0];
    assert.ok(first?.created);
    if (first.canceled) {
      assert.ok(asked.end !== "" && asked.end !== "\0" && asked.key >= asked.end);
      assert.equal(first.watchId, -1n);
      return;
    }
    const followed = { asked, start, got: [], lastRevision: 0, compactRevision: 0, cancelled: false };
    const name = `${asked.stream}/${first.watchId}`;
    assert.ok(!this.#watchers.has(name), "an id is given once");
    this.#watchers.set(name, followed);
    for (const response of created.slice(1)) {
      this.#take(asked.stream, response);
    }
  }

  #read(): void {
    this.#streams.forEach((open, n) => {
      for (const response of open.take(WatchResponseSchema)) {
        this.#take(n, response);
      }
    });
  }

  #take(n: number, response: ReturnType<FakeStream["take"]>[number] & object): void {
    const { watchId, events, canceled, compactRevision, header } = response as never as {
      watchId: bigint;
      events: readonly {
        type: number;
        kv?: { key: Uint8Array; value: Uint8Array; modRevision: bigint };
        prevKv?: { value: Uint8Array };
      }[];
      canceled: boolean;
      compactRevision: bigint;
      header: { revision: bigint };
    };
    if (watchId === -1n) {
      this.#checkProgress(n, Number(header.revision));
      return;
    }
    const followed = this.#watchers.get(`${n}/${watchId}`);
    assert.ok(followed !== undefined && !followed.cancelled, "a response for a watcher that is not there");
    if (canceled) {
      followed.cancelled = true;
      followed.compactRevision = Number(compactRevision);
    }
    for (const [place, event] of events.entries()) {
      const revision = Number(event.kv?.modRevision);
      assert.ok(place > 0 || revision > followed.lastRevision, "a revision over two responses, or twice");
      followed.got.push({
        revision,
        key: string(event.kv?.key ?? new Uint8Array(0)),
        value: event.type === 0 ? string(event.kv?.value ?? new Uint8Array(0)) : null,
        before: event.prevKv === undefined ? null : string(event.prevKv.value),
      });
    }
    if (events.length > 0) {
      followed.lastRevision = followed.got.at(-1)?.revision ?? 0;
      assert.ok(Number(header.revision) >= followed.lastRevision);
    }
  }

  /** All that happened up to the bookmark has been sent before it. */
  #checkProgress(n: number, revision: number): void {
    for (const [name, followed] of this.#watchers) {
      if (name.startsWith(`${n}/`) && !followed.cancelled) {
        const due = this.#wanted(followed).filter((happened) => happened.revision <= revision);
        assert.equal(followed.got.length, due.length, "a bookmark ahead of its events (K8)");
      }
    }
  }

  #wanted({ asked, start }: Followed): Happened[] {
    const inRange = (key: string): boolean =>
      asked.end === "" ? key === asked.key : key >= asked.key && (asked.end === "\0" || key < asked.end);
    return this.#history.filter(
      ({ revision, key, value }) =>
        revision >= start &&
        inRange(key) &&
        !(asked.filter === "no-put" && value !== null) &&
        !(asked.filter === "no-delete" && value === null),
    );
  }

  #check(followed: Followed): void {
    const wanted = this.#wanted(followed);
    const plain = ({ revision, key, value }: Happened): object => ({ revision, key, value });
    const { got } = followed;
    const expected = followed.cancelled ? wanted.slice(0, got.length) : wanted;
    // Within a revision, order is that of the transaction.
    assert.deepEqual(got.map(plain), expected.map(plain));
    got.forEach((event, i) => {
      const before = followed.asked.prevKv ? expected[i]?.before : null;
      const compacted = event.before === null && event.revision - 1 < this.#compacted;
      assert.ok(compacted || event.before === before, "what was before");
    });
    if (followed.compactRevision > 0) {
      const position = Math.max(followed.start, followed.lastRevision + 1);
      assert.ok(position < followed.compactRevision, "cancelled as compacted without need");
    }
  }
}

test("every watcher gets what happened, in order, once, whole revisions, or is told that it is gone", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const run = new Run();
      for (const next of steps) {
        run.step(next);
      }
      run.finish();
    }),
    { seed: 20_260_120, numRuns: 500 },
  );
});
