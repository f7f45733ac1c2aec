/** What went wrong in etcd with watches: the same orders of events, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { apiLimitsDefault } from "@quorate/etcd";
import {
  type WatchCreateRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { type Command, encodeCommand, type KvStateMachine } from "@quorate/kv";
import { type FakeStream, Member, string, text } from "../api/fixture.ts";

type Response = MessageShape<typeof WatchResponseSchema>;

/** One watch stream of one client at one member. */
class Watched {
  readonly member: Member;
  readonly stream: FakeStream;

  constructor(member: Member) {
    this.member = member;
    this.stream = member.stream("/etcdserverpb.Watch/Watch", {});
  }

  create(key: string, value: MessageInitShape<typeof WatchCreateRequestSchema> = {}): Response[] {
    const created = { key: text(key), ...value } as MessageInitShape<typeof WatchCreateRequestSchema>;
    this.stream.send(WatchRequestSchema, { requestUnion: { case: "createRequest", value: created } });
    return this.take();
  }

  askProgress(): void {
    this.stream.send(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } });
  }

  take(): Response[] {
    this.member.runDeferred();
    return this.stream.take(WatchResponseSchema);
  }
}

function put(member: Member, key: string, value: string): void {
  const flags = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  apply(member, { type: "put", key: text(key), value: text(value), ...flags });
}

function remove(member: Member, key: string): void {
  apply(member, { type: "delete-range", key: text(key), rangeEnd: text(""), prevKv: false });
}

function compact(member: Member, revision: number): void {
  apply(member, { type: "compaction", revision, physical: false });
}

function apply(member: Member, command: Command): void {
  const index = member.machine.appliedIndex + 1;
  member.machine.apply(encodeCommand(command), { index, term: member.entryTerm });
}

/** The member's state is replaced by that of another, as an installed snapshot does. */
function install(from: KvStateMachine, member: Member): void {
  const image = from.snapshot();
  const restore = member.machine.restore();
  for (let chunk = image.read(1000); chunk !== null; chunk = image.read(1000)) {
    restore.write(chunk);
  }
  image.close();
  restore.finish();
}

const eventsOf = (responses: readonly Response[]): string[] =>
  responses.flatMap(({ events }) =>
    events.map(
      ({ kv, type }) => `${kv?.modRevision} ${type === 1 ? "delete" : "put"} ${string(kv?.key ?? text(""))}`,
    ),
  );

// etcd #15220: a progress notification that was asked for went around the queue of events, and named a revision whose events came after it.
// Here it waits until every watcher of the stream has what it names.
test("etcd #15220: progress that was asked for never overtakes the events that it speaks of", () => {
  const member = new Member();
  // So long that one write to the stream holds a few of them.
  const long = "x".repeat(60_000);
  for (let i = 0; i < 40; i++) {
    put(member, "k", `${i} ${long}`);
  }
  const watched = new Watched(member);
  watched.stream.room = 1;
  watched.create("k", { startRevision: 2n });
  const got: Response[] = [];
  for (let i = 0; i < 30; i++) {
    watched.askProgress();
    put(member, "k", `later ${i} ${long}`);
    watched.stream.drain(1 + (i % 3));
    got.push(...watched.take());
  }
  watched.stream.drain(Number.POSITIVE_INFINITY);
  watched.askProgress();
  got.push(...watched.take());
  let told = 1n;
  let notices = 0;
  for (const { events, header, watchId } of got) {
    for (const { kv } of events) {
      assert.equal(kv?.modRevision, told + 1n, "every event once, in order");
      told = kv?.modRevision ?? told;
    }
    if (watchId === -1n) {
      notices++;
      assert.equal(header?.revision, told, "progress speaks of what was sent");
    }
  }
  assert.ok(notices > 0 && told === 71n, `${notices} notices up to ${told}`);
});

test("etcd #15220: progress that was asked for before a watcher has read its past speaks of no more than it has read", () => {
  const member = new Member({ limits: { ...apiLimitsDefault(), sliceEventCount: 3 } });
  for (let i = 0; i < 20; i++) {
    put(member, "k", String(i));
  }
  const watched = new Watched(member);
  watched.askProgress();
  const got = watched.create("k", { startRevision: 2n });
  const notice = got.findIndex(({ watchId }) => watchId === -1n);
  assert.equal(notice, got.length - 1, "after the last of the events");
  assert.equal(eventsOf(got).length, 20);
  assert.equal(got[notice]?.header?.revision, 21n);
});

// etcd #15271: a member that came back and was sent a snapshot began its watches anew, and sent events of revisions that a client had already seen.
// Here a watcher keeps its place over the installation of an image: nothing twice, nothing left out.
test("etcd #15271: a watch goes on where it was when its member installs a snapshot", () => {
  const ahead = new Member();
  const behind = new Member();
  for (const member of [ahead, behind]) {
    for (let i = 0; i < 5; i++) {
      put(member, "k", String(i));
    }
  }
  const fromPast = new Watched(behind);
  const first = fromPast.create("k", { startRevision: 2n });
  assert.deepEqual(eventsOf(first), ["2 put k", "3 put k", "4 put k", "5 put k", "6 put k"]);
  // One that has always been live: nothing but the place of all of them keeps it from what it had.
  const fromNow = new Watched(behind);
  assert.deepEqual(eventsOf(fromNow.create("k")), []);
  for (const member of [ahead, behind]) {
    put(member, "k", "seen");
  }
  for (const watched of [fromPast, fromNow]) {
    assert.deepEqual(eventsOf(watched.take()), ["7 put k"]);
  }
  for (let i = 0; i < 4; i++) {
    put(ahead, "k", `later ${i}`);
  }
  install(ahead.machine, behind);
  put(behind, "k", "after");
  for (const watched of [fromPast, fromNow]) {
    assert.deepEqual(eventsOf(watched.take()), ["8 put k", "9 put k", "10 put k", "11 put k", "12 put k"]);
  }
});

// etcd #17529: of many watchers on one stream some fell behind; when compaction overtook them they were moved on to the present, and never told of the gap.
// Here a watcher gets every event or is told that its place is gone.
test("etcd #17529: of many watchers on one slow stream each gets everything, or is told what it missed", () => {
  const member = new Member();
  const watched = new Watched(member);
  const count = 12;
  for (let id = 0; id < count; id++) {
    watched.create("k", { watchId: BigInt(id) });
  }
  watched.stream.room = 1;
  const got: Response[] = [];
  for (let i = 0; i < 60; i++) {
    put(member, "k", "x".repeat(2_000));
    if (i === 20 || i === 45) {
      compact(member, member.machine.revision - 1);
    }
    if (i % 15 === 0) {
      watched.stream.drain(2);
    }
    got.push(...watched.take());
  }
  watched.stream.drain(Number.POSITIVE_INFINITY);
  got.push(...watched.take());
  let told = 0;
  for (let id = 0; id < count; id++) {
    const own = got.filter(({ watchId }) => watchId === BigInt(id));
    let next = 2n;
    for (const { canceled, compactRevision, events } of own) {
      for (const { kv } of events) {
        assert.equal(kv?.modRevision, next, `watcher ${id} misses an event`);
        next++;
      }
      if (canceled) {
        told++;
        assert.ok(compactRevision > next, `watcher ${id} ends at ${next}, compacted is ${compactRevision}`);
        next = -1n;
      }
    }
    assert.ok(
      next === -1n || next === BigInt(member.machine.revision) + 1n,
      `watcher ${id} stopped at ${next}`,
    );
  }
  assert.ok(told > 0, "compaction overtook nobody");
});

// etcd #18089: history was compacted at the very revision of a deletion; a watch from that revision on got the next put, and not the deletion.
// Here compaction at a revision keeps the events of that revision.
test("etcd #18089: a watch from the revision at which history was compacted begins with its deletion", () => {
  const member = new Member();
  put(member, "k", "2");
  put(member, "k", "3");
  put(member, "k", "4");
  remove(member, "k");
  put(member, "k", "6");
  compact(member, 5);
  while (member.machine.sweep(10)) {
    // Until the rows that nobody can read are gone.
  }
  const watched = new Watched(member);
  const got = watched.create("k", { startRevision: 5n });
  assert.deepEqual(eventsOf([...got, ...watched.take()]), ["5 delete k", "6 put k"]);
});

// etcd #19179: the member died while it compacted at the revision of a deletion, and finished after its restart; the deletion was gone from watches at that revision.
// Here an image taken at any moment of a sweep stands for the same history.
test("etcd #19179: a deletion at the compacted revision is there after any restart in the middle of the sweep", () => {
  for (let slices = 0; slices < 8; slices++) {
    const member = new Member();
    for (const key of ["a", "b", "c", "d"]) {
      put(member, key, "1");
    }
    remove(member, "a");
    compact(member, 6);
    for (let i = 0; i < slices; i++) {
      member.machine.sweep(1);
    }
    const restarted = new Member();
    install(member.machine, restarted);
    while (restarted.machine.sweep(1)) {
      // The sweep goes on where the image left it.
    }
    const watched = new Watched(restarted);
    const got = watched.create("a", { startRevision: 6n });
    assert.deepEqual(eventsOf([...got, ...watched.take()]), ["6 delete a"], `after ${slices} slices`);
  }
});

// etcd #20221: a watch of a revision to come, at a member that was behind, was moved to the present when that member installed a snapshot, and got older events than it had asked for.
// Here nothing below the revision that was asked for is ever sent.
test("etcd #20221: a watch of a revision to come gets nothing older, also from a member that installs a snapshot", () => {
  const ahead = new Member();
  const behind = new Member();
  put(ahead, "k", "1");
  put(behind, "k", "1");
  const watched = new Watched(behind);
  watched.create("k", { startRevision: 9n, progressNotify: true });
  for (let i = 0; i < 5; i++) {
    put(ahead, "k", String(i));
  }
  install(ahead.machine, behind);
  const early = watched.take();
  put(behind, "k", "8");
  early.push(...watched.take());
  assert.deepEqual(eventsOf(early), []);
  put(behind, "k", "9");
  assert.deepEqual(eventsOf(watched.take()), ["9 put k"]);
});

// Jepsen, etcd 3.4.3: that a watch from revision 0 begins with what comes next, and not with the first revision, was written nowhere.
test("Jepsen on etcd 3.4.3: a watch without a revision begins with what comes next", () => {
  const member = new Member();
  put(member, "k", "before");
  const watched = new Watched(member);
  const got = watched.create("k", { startRevision: 0n });
  put(member, "k", "after");
  assert.deepEqual(eventsOf([...got, ...watched.take()]), ["3 put k"]);
});
