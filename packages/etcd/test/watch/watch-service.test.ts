/** Watch streams: what is answered to create, cancel and progress requests; cost, bounds and ends of streams. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { apiLimitsDefault } from "@quorate/etcd";
import {
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { encodeCommand } from "@quorate/kv";
import { type FakeStream, Member, string, text } from "../api/fixture.ts";

type Response = MessageShape<typeof WatchResponseSchema>;

const put = (key: string, value: string) =>
  ({
    type: "put",
    key: text(key),
    value: text(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  }) as const;

class Watched {
  readonly member: Member;
  readonly stream: FakeStream;
  constructor(member: Member = new Member(), metadata: Readonly<Record<string, string>> = {}) {
    this.member = member;
    this.stream = member.stream("/etcdserverpb.Watch/Watch", metadata);
  }
  create(key: string, value: MessageInitShape<typeof WatchCreateRequestSchema> = {}): Response[] {
    const created = { key: text(key), ...value } as MessageInitShape<typeof WatchCreateRequestSchema>;
    this.stream.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: created } });
    return this.take();
  }
  cancel(watchId: bigint): Response[] {
    this.stream.send(WatchRequestSchema, { requestUnion: { case: "cancelRequest", value: { watchId } } });
    return this.take();
  }
  progress(): Response[] {
    this.stream.send(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } });
    return this.run();
  }
  put(key: string, value: string): void {
    this.member.apply(encodeCommand(put(key, value)), () => {});
  }
  compact(revision: number): void {
    this.member.apply(encodeCommand({ type: "compaction", revision, physical: false }), () => {});
  }
  run(): Response[] {
    this.member.runDeferred();
    return this.take();
  }
  take(): Response[] {
    return this.stream.take(WatchResponseSchema);
  }
}

const eventsOf = (responses: readonly Response[]): string[] =>
  responses.flatMap(({ watchId, events }) =>
    events.map(({ kv, prevKv }) => {
      const before = prevKv === undefined ? "" : ` was ${string(prevKv.value)}`;
      return `${watchId}: ${kv?.modRevision} ${string(kv?.key ?? text(""))}=${string(kv?.value ?? text(""))}${before}`;
    }),
  );
const controlOf = ({ watchId, created, canceled, cancelReason, compactRevision }: Response): object => ({
  watchId,
  created,
  canceled,
  cancelReason,
  compactRevision,
});

test("ids: chosen by the client or counted up; refusals in etcd's order and words", () => {
  const watched = new Watched();
  const create = (
    key: string,
    value: MessageInitShape<typeof WatchCreateRequestSchema>,
  ): object | undefined => {
    const [only, ...more] = watched.create(key, value);
    assert.deepEqual(more, []);
    assert.equal(only?.header?.revision, 1n);
    return only && controlOf(only);
  };
  const made = (watchId: bigint) => ({
    watchId,
    created: true,
    canceled: false,
    cancelReason: "",
    compactRevision: 0n,
  });
  const refused = (cancelReason: string) => ({ ...made(-1n), canceled: true, cancelReason });
  assert.deepEqual(create("a", {}), made(0n));
  for (const id of [2n, 2n ** 63n - 1n, -(2n ** 63n), -1n]) {
    assert.deepEqual(create("a", { watchId: id }), made(id));
  }
  assert.deepEqual(create("a", {}), made(1n));
  assert.deepEqual(create("a", {}), made(3n));
  const empty = { watchId: 2n, rangeEnd: text("a") };
  assert.deepEqual(
    create("a", { ...empty, startRevision: -1n }),
    refused("etcdserver: mvcc: required revision has been compacted"),
  );
  assert.deepEqual(create("a", empty), refused("mvcc: watcher range is empty"));
  assert.deepEqual(
    create("a", { watchId: 2n }),
    refused("mvcc: duplicate watch ID provided on the WatchStream"),
  );
  assert.deepEqual(watched.cancel(2n).map(controlOf), [{ ...made(2n), created: false, canceled: true }]);
  assert.deepEqual(watched.cancel(2n), []);
  assert.deepEqual(create("a", { watchId: 2n }), made(2n));
});

test("past, present and future starts; the key that is left out is the lowest", () => {
  const watched = new Watched();
  watched.put("k", "1");
  watched.put("k", "2");
  watched.create("k", { startRevision: 2n, watchId: 1n, prevKv: true });
  watched.create("k", { watchId: 2n });
  watched.create("k", { startRevision: 5n, watchId: 3n });
  watched.create("", { rangeEnd: Uint8Array.of(0), startRevision: 3n, watchId: 4n });
  watched.put("k", "3");
  const first = watched.run();
  assert.deepEqual(eventsOf(first).sort(), [
    "1: 2 k=1",
    "1: 3 k=2 was 1",
    "1: 4 k=3 was 2",
    "2: 4 k=3",
    "4: 3 k=2",
    "4: 4 k=3",
  ]);
  watched.put("k", "4");
  assert.deepEqual(eventsOf(watched.run()).sort(), ["1: 5 k=4 was 3", "2: 5 k=4", "3: 5 k=4", "4: 5 k=4"]);
});

test("a compacted start: created, then ended with the compact revision", () => {
  const watched = new Watched();
  watched.put("k", "1");
  watched.put("k", "2");
  watched.compact(3);
  const [created, ended, ...more] = watched.create("k", { startRevision: 2n });
  assert.deepEqual(more, []);
  assert.deepEqual([created?.created, created?.canceled], [true, false]);
  assert.deepEqual([ended?.canceled, ended?.compactRevision, ended?.header?.revision], [true, 3n, 0n]);
  assert.deepEqual(watched.create("k", { startRevision: 3n }).length, 1);
  assert.deepEqual(eventsOf(watched.run()), ["1: 3 k=2"]);
});

test("a compaction in the same turn takes nothing from watchers that are live", () => {
  const watched = new Watched();
  watched.create("k");
  watched.put("k", "1");
  watched.put("k", "2");
  watched.compact(3);
  assert.deepEqual(eventsOf(watched.run()), ["0: 2 k=1", "0: 3 k=2"]);
});

test("a full transport: nothing is kept but its place, requests wait, and it goes on where it stopped", () => {
  const watched = new Watched();
  watched.create("k");
  watched.stream.room = 1;
  watched.put("k", "1");
  assert.deepEqual(eventsOf(watched.run()), ["0: 2 k=1"]);
  assert.equal(watched.stream.paused, true);
  for (let i = 2; i <= 3000; i++) {
    watched.put("k", String(i));
  }
  assert.deepEqual(watched.run(), []);
  assert.equal(watched.member.deferred.length, 0);
  watched.stream.drain(Number.POSITIVE_INFINITY);
  assert.equal(watched.stream.paused, false);
  const rest = eventsOf(watched.run());
  assert.equal(rest.length, 2999);
  assert.equal(rest[0], "0: 3 k=2");
  assert.equal(rest.at(-1), "0: 3001 k=3000");
});

test("a slow client that compaction overtakes is told so, others are not touched (K12)", () => {
  const watched = new Watched();
  const other = new Watched(watched.member);
  watched.create("k");
  other.create("k");
  watched.stream.room = 1;
  for (let i = 1; i <= 5; i++) {
    watched.put("k", String(i));
    watched.member.runDeferred();
  }
  watched.compact(5);
  watched.stream.drain(9);
  const got = watched.run();
  assert.deepEqual(eventsOf(got), ["0: 2 k=1"]);
  assert.deepEqual([got.at(-1)?.canceled, got.at(-1)?.compactRevision], [true, 5n]);
  assert.equal(eventsOf(other.take()).length, 5);
});

test("what waits for one stream is bounded, whatever a slice holds", () => {
  const watched = new Watched();
  watched.create("k");
  watched.stream.room = 1;
  const value = "v".repeat(100_000);
  for (let i = 0; i < 50; i++) {
    watched.put("k", value);
  }
  watched.member.runDeferred();
  const bytes = watched.stream.written.reduce((sum, message) => sum + message.length, 0);
  assert.ok(bytes > 256 * 1024 && bytes < 400_000, `${bytes} bytes`);
  watched.stream.drain(Number.POSITIVE_INFINITY);
  assert.equal(eventsOf(watched.run()).length, 50);
});

test("fragments: a response that is too long is cut between events, marked on all parts but the last", () => {
  const limits = { ...apiLimitsDefault(), requestBytesMax: 1000 };
  const watched = new Watched(new Member({ limits }));
  const value = "v".repeat(200_000);
  watched.create("k", { rangeEnd: text("l"), fragment: true, watchId: 1n });
  watched.create("k", { rangeEnd: text("l"), watchId: 2n });
  const success = [1, 2, 3, 4, 5].map((n) => put(`k${n}`, value));
  watched.member.apply(encodeCommand({ type: "txn", compares: [], success, failure: [] }), () => {});
  const got = watched.run();
  const shape = (id: bigint) => got.filter((r) => r.watchId === id).map((r) => [r.events.length, r.fragment]);
  assert.deepEqual(shape(1n), [
    [2, true],
    [2, true],
    [1, false],
  ]);
  assert.deepEqual(shape(2n), [[5, false]]);
});

test("progress on request: after the events, with id −1, and only when no watcher is behind", () => {
  const watched = new Watched();
  assert.deepEqual(watched.progress(), []);
  watched.create("k");
  watched.put("k", "1");
  const got = watched.progress();
  assert.deepEqual(eventsOf(got), ["0: 2 k=1"]);
  assert.deepEqual(
    got.map((r) => [r.watchId, r.events.length, r.header?.revision]),
    [
      [0n, 1, 2n],
      [-1n, 0, 2n],
    ],
  );
  watched.stream.room = 1;
  watched.put("k", "2");
  watched.run();
  watched.put("k", "3");
  assert.deepEqual(watched.progress(), []);
  watched.stream.drain(9);
  assert.deepEqual(
    watched.run().map((r) => [r.watchId, r.header?.revision]),
    [
      [0n, 4n],
      [-1n, 4n],
    ],
  );
});

test("timed progress: to idle watchers that asked for it, once per interval", () => {
  const watched = new Watched(
    new Member({ limits: { ...apiLimitsDefault(), watchProgressNotifyIntervalMs: 1000 } }),
  );
  watched.create("k", { progressNotify: true });
  watched.create("k");
  watched.create("x", { progressNotify: true });
  watched.put("k", "1");
  watched.run();
  const tick = (nowMs: number): unknown[] => {
    watched.member.api.tick(nowMs);
    return watched.run().map((r) => [r.watchId, r.events.length, r.header?.revision]);
  };
  assert.deepEqual(tick(1999), []);
  assert.deepEqual(tick(2000), [[2n, 0, 2n]]);
  assert.deepEqual(tick(2500), []);
  assert.deepEqual(tick(3000), [
    [0n, 0, 2n],
    [2n, 0, 2n],
  ]);
});

test("a stream that wants a leader ends after three election timeouts without one, others go on", () => {
  const member = new Member();
  const wants = new Watched(member, { hasleader: "true" });
  const other = new Watched(member);
  wants.create("k");
  const { status } = member;
  member.status = { ...status, leader: 0 };
  member.api.tick(1100);
  member.api.tick(4099);
  assert.equal(wants.stream.ended, false);
  member.status = status;
  member.api.tick(4100);
  member.status = { ...status, leader: 0 };
  member.api.tick(4200);
  member.api.tick(7199);
  assert.equal(wants.stream.ended, false);
  member.api.tick(7200);
  assert.deepEqual(wants.stream.failure, { code: 14, message: "etcdserver: no leader" });
  assert.equal(other.stream.ended, false);
  member.api.stop();
  assert.deepEqual(other.stream.failure, { code: 14, message: "etcdserver: server stopped" });
});

test("ends: a client's half-close ends nothing, its cancel and bytes that do not decode take its watchers along", () => {
  const member = new Member();
  const [closed, cancelled, broken] = [new Watched(member), new Watched(member), new Watched(member)];
  for (const watched of [closed, cancelled, broken]) {
    watched.create("k");
  }
  closed.stream.finish();
  assert.equal(closed.stream.ended, false);
  cancelled.stream.cancel();
  broken.stream.sendBytes(Uint8Array.of(0x0a, 0xff));
  assert.equal(broken.stream.failure?.code, 13);
  closed.put("k", "1");
  assert.deepEqual(eventsOf(closed.run()), ["0: 2 k=1"]);
  closed.stream.cancel();
  closed.put("k", "2");
  assert.equal(member.deferred.length, 0);
});

test("after events for thousands of watchers it rests, and what happens meanwhile goes out together", () => {
  const deferred: (() => void)[] = [];
  const rests: { readonly delayMs: number; readonly over: () => void }[] = [];
  const member = new Member({
    defer: {
      defer: (work) => deferred.push(work),
      after: (delayMs, over) => rests.push({ delayMs, over }),
    },
  });
  const watched = new Watched(member);
  const count = 2500;
  for (let i = 0; i < count; i++) {
    watched.create("k");
  }
  const run = (): number[] => {
    for (let work = deferred.shift(); work !== undefined; work = deferred.shift()) {
      work();
    }
    return watched.take().map((response) => response.events.length);
  };
  const each = (events: number): number[] => Array.from({ length: count }, () => events);
  watched.put("k", "1");
  assert.deepEqual(run(), each(1), "the first waits for nothing");
  watched.put("k", "2");
  watched.put("k", "3");
  assert.deepEqual(run(), []);
  const [rest] = rests.splice(0);
  assert.equal(rest?.delayMs, 10);
  rest?.over();
  assert.deepEqual(run(), each(2));
  // Nothing happens during this rest: what comes behind it waits for nothing.
  rests.shift()?.over();
  assert.deepEqual(run(), []);
  watched.put("k", "4");
  assert.deepEqual(run(), each(1));
  // Few watchers are no reason to rest.
  rests.splice(0)[0]?.over();
  watched.create("x");
  watched.put("x", "5");
  assert.deepEqual(run(), [1]);
  assert.equal(rests.length, 0);
});

test("watchers elsewhere cost a put nothing but the way down a tree; watchers of its key cost one each", () => {
  const member = new Member();
  const watched = new Watched(member);
  for (let i = 0; i < 10_000; i++) {
    const prefix = `/p/${String(i).padStart(5, "0")}/`;
    watched.create(prefix, { rangeEnd: text(`${prefix.slice(0, -1)}0`) });
  }
  const api = member.api;
  const visits = (key: string): number => {
    const before = api.watchVisitedCount;
    watched.put(key, "v");
    member.runDeferred();
    return api.watchVisitedCount - before;
  };
  assert.ok(visits("/other") <= 20, "outside all ranges");
  assert.ok(visits("/p/05000/x") <= 40, "inside one of 10,000 ranges");
  assert.equal(eventsOf(watched.take()).length, 1);
  const same = new Watched(member);
  for (let i = 0; i < 10_000; i++) {
    same.create("/one");
  }
  assert.ok(visits("/one") <= 40, "equal ranges are one node");
  assert.equal(eventsOf(same.take()).length, 10_000);
});
