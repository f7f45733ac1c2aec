/**
 * Damage to a member that can be repaired: every bit of every file of the log flipped, every file gone. The store opens on what
 * came before, and the floor lies at or above everything that was ever acknowledged; nothing of the damaged files is lost.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@quorate/base";
import { type LogId, StorageError, toLogIndex, toTerm, type VoteFloor } from "@quorate/raft";
import type { WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";
import { append, describe, entry, failure, image, makeSnapshot, now, openNow, readLog } from "./support.ts";

const segmentBytes = 1536;
const written = [
  ...[1, 2, 3, 4, 5, 6].map((index) => entry(index, 1)),
  ...[5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map((index) => entry(index, 2, 60)),
];
const everWritten = new Set(written.map(describe));
const last: LogId = { term: toTerm(2), index: toLogIndex(14) };

/** Several segments; entries 5 and 6 were written twice, entry 3 is compacted. */
function closedStore(): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  const storage = openNow(fs, { segmentBytes });
  append(storage, written.slice(0, 3), 2);
  append(storage, written.slice(3, 6), 3);
  makeSnapshot(storage, 2, 1, 40);
  makeSnapshot(storage, 3, 1, 60);
  now((completed) => storage.compact(toLogIndex(3), completed));
  for (const one of written.slice(6)) {
    append(storage, [one], one.index - 1, 2);
  }
  now((completed) => storage.close(completed));
  return fs;
}

const original = closedStore();
const files = original.files();
const segments = files.filter((path) => path.startsWith("wal/"));

function isAtLeast(floor: VoteFloor, id: LogId): boolean {
  return floor === "unknown" || floor.term > id.term || (floor.term === id.term && floor.index >= id.index);
}

function openAround(fs: MemoryFileSystem): WalStorage {
  return openNow(fs, { segmentBytes, bootstrap: null, onDamage: "set-aside" });
}

/** What must hold after any damage; whether there was any. */
function judge(fs: MemoryFileSystem, what: string): boolean {
  const storage = openAround(fs);
  const lines = readLog(storage);
  for (const line of lines) {
    assert.ok(everWritten.has(line), `${what}: ${line} was never written`);
  }
  const { voteFloor } = storage;
  if (voteFloor === null) {
    assert.equal(storage.lastIndex, last.index, `${what}: shortened without a floor`);
    assert.ok(lines.length >= 11, what);
  } else {
    assert.ok(isAtLeast(voteFloor, last), `${what}: floor ${JSON.stringify(voteFloor)}`);
    assert.ok(storage.report.length > 0, `${what}: nothing said`);
    assert.ok(storage.initial.hardState.commit <= storage.lastIndex, what);
    assert.ok(storage.initial.hardState.commit <= 13, what);
  }
  now((completed) => storage.close(completed));
  const again = openAround(fs);
  assert.deepEqual(again.voteFloor, voteFloor, `${what}: the floor lasts`);
  assert.deepEqual(readLog(again), lines, `${what}: the same log again`);
  return voteFloor !== null;
}

test("the store under test has several segments", () => {
  assert.ok(segments.length >= 3, files.join(" "));
  assert.equal(judge(original.clone(), "undamaged"), false);
});

for (const path of segments) {
  test(`any bit of ${path}: the log goes on before it, with a floor above all that was acknowledged`, () => {
    let aside = 0;
    const bits = original.content(path).length * 8;
    // PERF: a prime step meets every bit position of a byte and every field of a header in turn.
    for (let bit = 0; bit < bits; bit += 17) {
      const fs = original.clone();
      fs.flipBit(path, bit);
      aside += judge(fs, `${path} bit ${bit}`) ? 1 : 0;
    }
    assert.ok(aside > 120, `${aside} flips were damage`);
  });

  test(`without ${path}`, () => {
    const fs = original.clone();
    fs.remove(path);
    assert.equal(judge(fs, `${path} removed`), true);
  });

  test(`${path} cut short`, () => {
    const fs = original.clone();
    fs.damage(path, (content) => content.slice(0, content.length - 8));
    assert.equal(judge(fs, `${path} cut`), true);
  });
}

test("two places damaged, every segment gone, and a snapshot that nothing reaches back to", () => {
  const two = original.clone();
  for (const path of segments.slice(0, 2)) {
    two.flipBit(path, 600 * 8);
  }
  assert.equal(judge(two, "two places"), true);
  const none = original.clone();
  for (const path of segments) {
    none.remove(path);
  }
  assert.equal(judge(none, "no segment"), true);
  const snapshot = original.clone();
  for (const path of files.filter((name) => name.startsWith("snap/"))) {
    snapshot.flipBit(path, 100);
  }
  assert.equal(judge(snapshot, "both snapshots"), true);
});

test("the log damaged below the newest snapshot, and the spare one as well: the log goes on after the newest, and the spare is not asked", () => {
  const fs = new MemoryFileSystem();
  const before = openNow(fs, { segmentBytes });
  append(before, written.slice(0, 3), 2);
  makeSnapshot(before, 2, 1, 200);
  now((completed) => before.compact(toLogIndex(2), completed));
  append(before, written.slice(3, 6), 4);
  makeSnapshot(before, 5, 1, 200);
  now((completed) => before.close(completed));
  for (const bytes of [image(2, 200), entry(4, 1).data]) {
    const place = (path: string): number => Buffer.from(fs.content(path)).indexOf(bytes);
    const path = fs.files().find((name) => place(name) >= 0) ?? "";
    fs.flipBit(path, (place(path) + 1) * 8);
  }
  const storage = openAround(fs);
  assert.deepEqual(storage.snapshot(), { index: 5, term: 1, confState: before.initial.confState });
  assert.equal(storage.lastIndex, 5);
  assert.notEqual(storage.voteFloor, null);
});

test("the floor is unknown where the newest segment cannot be read, and known where an older one cannot", () => {
  const newest = original.clone();
  newest.flipBit(segments.at(-1) ?? "", 3);
  assert.equal(openAround(newest).voteFloor, "unknown");
  const older = original.clone();
  older.flipBit(segments[0] ?? "", 3);
  assert.deepEqual(openAround(older).voteFloor, last);
});

test("what is set aside is kept, byte for byte", () => {
  const fs = original.clone();
  const damaged = segments[1] ?? "";
  fs.flipBit(damaged, 700 * 8);
  const before = Buffer.concat(segments.map((path) => Buffer.from(fs.content(path))));
  openAround(fs);
  const kept = fs.files().filter((path) => path.startsWith("cut/"));
  assert.ok(kept.length >= segments.length - 1, kept.join(" "));
  for (const path of kept) {
    assert.ok(before.includes(Buffer.from(fs.content(path))), path);
  }
});

test("damage is refused by name unless the opening asks for the other way", () => {
  const fs = original.clone();
  fs.flipBit(segments[1] ?? "", 700 * 8);
  const before = fs.clone();
  assert.throws(
    () => openNow(fs, { segmentBytes, bootstrap: null }),
    (error) =>
      error instanceof StorageError &&
      error.info.code === "STORAGE_CORRUPT" &&
      error.info.file === segments[1],
  );
  assert.deepEqual(fs.files(), before.files());
});

test("an identity file or both slots lost is nothing that a leader can repair", () => {
  for (const lost of [["meta"], ["hard-state-a", "hard-state-b"]]) {
    const fs = original.clone();
    for (const path of lost) {
      fs.flipBit(path, 99);
    }
    assert.throws(() => openAround(fs), StorageError);
    assert.ok(!fs.files().includes("vote-floor"));
  }
});

test("repaired entries are written behind the sound ones; the floor is removed once it is reached", () => {
  const fs = original.clone();
  fs.flipBit(segments[1] ?? "", 700 * 8);
  const storage = openAround(fs);
  const from = storage.lastIndex + 1;
  assert.ok(from > 4 && from < 14);
  append(
    storage,
    written.slice(6).filter(({ index }) => index >= from),
    14,
    2,
  );
  now((completed) => storage.setVoteFloor(null, completed));
  assert.equal(storage.voteFloor, null);
  now((completed) => storage.close(completed));
  assert.equal(judge(fs, "repaired"), false);
});

test("an unknown floor becomes known durably, and is never simply reached", () => {
  const fs = original.clone();
  fs.flipBit(segments.at(-1) ?? "", 3);
  const storage = openAround(fs);
  assert.throws(() => storage.setVoteFloor(null, () => {}), /never reached/);
  now((completed) => storage.setVoteFloor({ term: toTerm(5), index: toLogIndex(20) }, completed));
  now((completed) => storage.close(completed));
  const again = openAround(fs);
  assert.deepEqual(again.voteFloor, { term: 5, index: 20 });
  now((completed) => again.close(completed));
  const refused = failure((completed) => again.setVoteFloor(null, completed));
  assert.ok(refused instanceof StorageError && refused.info.code === "STORAGE_CLOSED");
});

test("a floor that cannot be read is unknown, never absent", () => {
  const fs = original.clone();
  fs.flipBit(segments[1] ?? "", 700 * 8);
  openAround(fs);
  for (let bit = 0; bit < fs.content("vote-floor").length * 8; bit++) {
    const bad = fs.clone();
    bad.flipBit("vote-floor", bit);
    assert.equal(openAround(bad).voteFloor, "unknown", `bit ${bit}`);
  }
});

test("a loss of power at any step of setting aside: the floor still lies above all that was acknowledged", () => {
  const seed = 20_261_121;
  const random = new Prng(seed);
  for (const [place, path] of segments.entries()) {
    for (let step = 1, interrupted = true; interrupted; step++) {
      const fs = original.clone();
      fs.flipBit(path, 560 * 8);
      const what = `seed ${seed} segment ${place} step ${step}`;
      interrupted = false;
      const failing = fs.clone({
        fault: ({ number }) => {
          interrupted ||= number === step;
          return number >= step ? "EIO" : null;
        },
      });
      try {
        openAround(failing);
      } catch (error) {
        assert.ok(error instanceof StorageError, `${what}: ${String(error)}`);
      }
      judge(failing.crash(random, "random"), what);
    }
  }
});
