/** RAFT §6.3, sentence by sentence, on the wrapper alone. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { DecodeError, InvariantViolation, toHex, utf8Encode } from "@quorate/base";
import {
  ConfigError,
  decodeSessionCommand,
  encodeSessionCommand,
  jsonResults,
  resolveSessionLimits,
  type SessionCommand,
  type SessionId,
  type SessionLimits,
  type SessionMachine,
  type SessionOutcome,
  toLogIndex,
  toTerm,
  withSessions,
} from "@quorate/raft";
import fc from "fast-check";
import { imageOf, NumberedMachine, readImage, restoreFrom, textResults } from "./numbered-machine.ts";

class Log {
  readonly inner: NumberedMachine = new NumberedMachine();
  readonly expired: SessionId[] = [];
  readonly machine: SessionMachine<string> = withSessions(this.inner, {
    results: textResults,
    onExpired: (sessions) => void this.expired.push(...sessions),
  });
  #index = 0;

  apply(command: SessionCommand): SessionOutcome<string> {
    this.#index++;
    return this.machine.apply(encodeSessionCommand(command), {
      index: toLogIndex(this.#index),
      term: toTerm(1),
    });
  }

  register(limits: Partial<SessionLimits> = {}): SessionId {
    const outcome = this.apply({ kind: "register", limits: resolveSessionLimits(limits) });
    assert.ok(outcome.kind === "registered");
    return outcome.session;
  }

  command(session: SessionId, sequence: number, text = `${session}.${sequence}`, lowestPending = 1) {
    return this.apply({ kind: "command", session, sequence, lowestPending, command: utf8Encode(text) });
  }
}

// [session-register]
test("§6.3 a client registers and gets its id from the log", () => {
  const log = new Log();
  log.apply({ kind: "plain", command: utf8Encode("x") });
  assert.equal(log.register(), 2);
  assert.equal(log.register(), 3);
  assert.equal(log.machine.sessionCount, 2);
});

// [session-filter]
test("§6.3 a command whose serial number was executed is answered from the session, not executed again", () => {
  const log = new Log();
  const id = log.register();
  assert.deepEqual(log.command(id, 1), { kind: "applied", result: "1.1@1", repeated: false });
  assert.deepEqual(log.command(id, 2), { kind: "applied", result: "1.2@2", repeated: false });
  assert.deepEqual(log.command(id, 1, "another text"), { kind: "applied", result: "1.1@1", repeated: true });
  assert.deepEqual(log.inner.order, ["1.1", "1.2"]);
});

test("a command without a session is applied as often as it stands in the log", () => {
  const log = new Log();
  for (let i = 0; i < 2; i++) {
    log.apply({ kind: "plain", command: utf8Encode("p") });
  }
  assert.deepEqual(log.inner.order, ["p", "p"]);
});

// [session-lowest]
test("§6.3 the lowest sequence without an answer drops the answers below, and late copies are refused", () => {
  const log = new Log();
  const id = log.register();
  for (let sequence = 1; sequence <= 4; sequence++) {
    log.command(id, sequence);
  }
  const before = log.machine.sessionBytes;
  log.command(id, 5, "five", 4);
  assert.ok(log.machine.sessionBytes < before, "answers 1 to 3 are gone, 4 and 5 are kept");
  assert.deepEqual(log.command(id, 3), { kind: "refused", reason: "acknowledged" });
  assert.deepEqual(log.command(id, 4), { kind: "applied", result: "1.4@4", repeated: true });
  assert.deepEqual(log.inner.order, ["1.1", "1.2", "1.3", "1.4", "five"]);
});

test("a sequence that was acknowledged and never came is refused when it comes", () => {
  const log = new Log();
  const id = log.register();
  log.command(id, 2, "two", 2);
  assert.deepEqual(log.command(id, 1), { kind: "refused", reason: "acknowledged" });
  assert.deepEqual(log.inner.order, ["two"]);
});

// [session-unknown]
test("§6.3 a command of an unknown session is refused, not executed", () => {
  const log = new Log();
  assert.deepEqual(log.command(toLogIndex(77), 1), { kind: "refused", reason: "expired" });
  const id = log.register();
  assert.deepEqual(log.apply({ kind: "close", session: id }), { kind: "closed" });
  assert.deepEqual(log.command(id, 1), { kind: "refused", reason: "expired" });
  assert.deepEqual(log.apply({ kind: "keep-alive", session: id, lowestPending: 1 }), {
    kind: "refused",
    reason: "expired",
  });
  assert.deepEqual(log.inner.order, []);
});

// [session-expiry]
test("§6.3 the least recently used session is expired when there are too many", () => {
  const log = new Log();
  const limits = { sessionCountMax: 2 };
  const [a, b] = [log.register(limits), log.register(limits)];
  assert.deepEqual(log.apply({ kind: "keep-alive", session: a, lowestPending: 1 }), { kind: "kept-alive" });
  const c = log.register(limits);
  assert.deepEqual(log.expired, [b]);
  assert.deepEqual(log.command(b, 1), { kind: "refused", reason: "expired" });
  assert.equal(log.command(a, 1).kind, "applied");
  assert.equal(log.command(c, 1).kind, "applied");
});

test("all answers together have a bound; the session that answers is never expired for it", () => {
  const log = new Log();
  const limits = { answerBytesMax: 100, sessionBytesMax: 200, tableBytesMax: 550 };
  const [a, b] = [log.register(limits), log.register(limits)];
  for (let sequence = 1; sequence <= 2; sequence++) {
    log.command(a, sequence, "a".repeat(60));
    log.command(b, sequence, "b".repeat(60));
  }
  assert.deepEqual(log.expired, []);
  log.command(b, 3, "b".repeat(60), 3);
  assert.deepEqual(log.expired, []);
  const c = log.register(limits);
  log.command(c, 1, "c".repeat(60));
  log.command(c, 2, "c".repeat(60));
  log.command(b, 4, "b".repeat(60), 3);
  assert.deepEqual(log.expired, [a]);
  assert.equal(log.machine.sessionCount, 2);
  assert.ok(log.machine.sessionBytes <= 550);
});

test("a session takes no more commands than it may keep answers of, until its client acknowledges", () => {
  const log = new Log();
  const id = log.register({ answerCountMax: 2 });
  log.command(id, 1);
  log.command(id, 2);
  assert.deepEqual(log.command(id, 3), { kind: "refused", reason: "window-full" });
  assert.deepEqual(log.inner.order, ["1.1", "1.2"]);
  assert.equal(log.command(id, 3, "three", 2).kind, "applied");
  // The lowest that waits is taken all the same, or the client could never acknowledge the others.
  const stuck = log.register({ answerCountMax: 2 });
  log.command(stuck, 2);
  log.command(stuck, 3);
  assert.equal(log.command(stuck, 4).kind, "refused");
  assert.equal(log.command(stuck, 1).kind, "applied");
  const big = log.register({ answerBytesMax: 100, sessionBytesMax: 100, tableBytesMax: 1000 });
  log.command(big, 1, "x".repeat(60), 1);
  assert.deepEqual(log.command(big, 2), { kind: "refused", reason: "window-full" });
});

test("an answer too large to be kept is told once; a repeated command learns only that it was applied", () => {
  const log = new Log();
  const id = log.register({ answerBytesMax: 10 });
  assert.equal(log.command(id, 1, "a long command").kind, "applied");
  assert.deepEqual(log.command(id, 1, "a long command"), { kind: "answer-lost" });
  assert.deepEqual(log.inner.order, ["a long command"]);
});

test("the limits stand in the log: the latest registration rules on every member", () => {
  const log = new Log();
  for (let i = 0; i < 5; i++) {
    log.register();
  }
  log.register({ sessionCountMax: 3 });
  assert.deepEqual(log.expired, [1, 2, 3]);
});

test("the image holds the sessions at its index, whatever comes after and however it is sliced", () => {
  const log = new Log();
  const [a, b] = [log.register({ answerBytesMax: 60 }), log.register({ answerBytesMax: 60 })];
  log.command(a, 1);
  log.command(b, 3, "b".repeat(80), 2);
  const expected = imageOf(log.machine);
  const image = log.machine.snapshot();
  // Everything that can change a session after it is pinned.
  log.command(a, 2, "later", 2);
  log.command(b, 4);
  log.apply({ kind: "keep-alive", session: a, lowestPending: 3 });
  log.apply({ kind: "close", session: b });
  log.register();
  assert.equal(toHex(readImage(image, 7)), toHex(expected));
  for (const chunkBytes of [1, 3, 4, 64, 10_000]) {
    const other = new Log();
    restoreFrom(other.machine, expected, chunkBytes);
    assert.equal(toHex(imageOf(other.machine, 50)), toHex(expected), `in chunks of ${chunkBytes}`);
    assert.deepEqual(other.command(a, 1), { kind: "applied", result: "1.1@1", repeated: true });
    assert.deepEqual(other.command(b, 3), { kind: "answer-lost" });
    assert.deepEqual(other.command(b, 1), { kind: "refused", reason: "acknowledged" });
    assert.deepEqual(other.inner.order, ["1.1", "b".repeat(80)]);
  }
});

test("an image that is damaged or not whole replaces nothing", () => {
  const log = new Log();
  log.command(log.register(), 1);
  const image = imageOf(log.machine);
  const other = new Log();
  other.command(other.register(), 1, "kept");
  const before = toHex(imageOf(other.machine));
  const sessionsEnd = image.length - 4; // One command of three bytes and its length follow.
  for (let at = 0; at < sessionsEnd; at++) {
    const damaged = image.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x41;
    assert.throws(() => restoreFrom(other.machine, damaged, 5), DecodeError, `byte ${at}`);
    assert.throws(() => restoreFrom(other.machine, image.subarray(0, at), 5), DecodeError, `cut at ${at}`);
  }
  assert.equal(toHex(imageOf(other.machine)), before);
});

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

const sessionCommand: fc.Arbitrary<SessionCommand> = fc.oneof(
  record({ kind: fc.constant("plain" as const), command: fc.uint8Array() }),
  record({ kind: fc.constant("register" as const), limits: fc.constant(resolveSessionLimits()) }),
  record({
    kind: fc.constant("command" as const),
    session: fc.maxSafeNat().map((n) => toLogIndex(Math.max(n, 1))),
    sequence: fc.maxSafeNat().map((n) => Math.max(n, 1)),
    lowestPending: fc.maxSafeNat(),
    command: fc.uint8Array(),
  }).filter(({ lowestPending, sequence }) => lowestPending <= sequence),
  record({
    kind: fc.constant("keep-alive" as const),
    session: fc.constant(toLogIndex(300)),
    lowestPending: fc.maxSafeNat(),
  }),
  record({ kind: fc.constant("close" as const), session: fc.constant(toLogIndex(1)) }),
);

// [session-serials]
test("commands decode as they were encoded; other bytes are refused", () => {
  fc.assert(
    fc.property(sessionCommand, (command) => {
      assert.deepEqual(decodeSessionCommand(encodeSessionCommand(command)), command);
    }),
    { seed: 11 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        decodeSessionCommand(bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
    { seed: 12, numRuns: 1000 },
  );
  assert.throws(() => decodeSessionCommand(new Uint8Array([0x20])), /version/);
  assert.throws(() => new Log().machine.apply(new Uint8Array([0x7b]), at1), DecodeError);
});

const at1 = { index: toLogIndex(1), term: toTerm(1) };

test("limits that cannot work are refused, all at once", () => {
  assert.throws(
    () => resolveSessionLimits({ sessionCountMax: 0, answerCountMax: 1.5, tableBytesMax: 10 }),
    (error) => error instanceof ConfigError && error.problems.length === 3,
  );
});

test("answers as JSON: no answer stays none, what JSON cannot carry is lost", () => {
  const results = jsonResults<unknown>();
  const roundTrip = (value: unknown): unknown => {
    const bytes = results.encode(value);
    return bytes === null ? "lost" : results.decode(bytes);
  };
  assert.deepEqual(roundTrip({ a: [1, "ü"] }), { a: [1, "ü"] });
  assert.equal(roundTrip(undefined), undefined);
  assert.equal(roundTrip(null), null);
  assert.equal(roundTrip(1n), "lost");
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  assert.equal(roundTrip(cycle), "lost");
  assert.throws(() => results.decode(new Uint8Array([0xff])), InvariantViolation);
});

test("sessions have the bytes that were written down", () => {
  const path = new URL("../golden/sessions-v1.json", import.meta.url);
  const log = new Log();
  const a = log.register();
  const b = log.register({ answerBytesMax: 5 });
  log.command(a, 1);
  log.command(b, 2, "longer than five", 2);
  const hex = (command: SessionCommand): string => toHex(encodeSessionCommand(command));
  const now = {
    plain: hex({ kind: "plain", command: utf8Encode("abc") }),
    register: hex({ kind: "register", limits: resolveSessionLimits() }),
    command: hex({
      kind: "command",
      session: toLogIndex(300),
      sequence: 5,
      lowestPending: 4,
      command: utf8Encode("abc"),
    }),
    "keep-alive": hex({ kind: "keep-alive", session: toLogIndex(300), lowestPending: 5 }),
    close: hex({ kind: "close", session: toLogIndex(300) }),
    image: toHex(imageOf(log.machine)),
  };
  if (!existsSync(path) && process.env["UPDATE_GOLDEN"] === "1") {
    writeFileSync(path, `${JSON.stringify(now, null, 2)}\n`);
  }
  assert.deepEqual(now, JSON.parse(readFileSync(path, "utf8")));
});
