/** Passwords in their thread: hashes that etcd's library reads, order, bounds, giving up, and a thread that stays out of the way. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { compareSync } from "bcryptjs";
import { createPasswords } from "../../src/auth/passwords.ts";

const passwords = createPasswords(4, (error) => assert.fail(String(error)));
after(() => passwords.stop());

const hash = (password: string): Promise<string | null> =>
  new Promise((resolve) => void passwords.hash(password, resolve));
const compare = (password: string, against: string | null): Promise<string> =>
  new Promise((resolve) => void passwords.compare(password, against, resolve));

test("a hash is bcrypt's, of the given cost, and never the same twice", async () => {
  const [one, other] = [await hash("pässword"), await hash("pässword")];
  assert.match(one ?? "", /^\$2[ab]\$04\$.{53}$/);
  assert.notEqual(one, other);
  assert.ok(compareSync("pässword", one ?? ""));
});

test("comparing: right, wrong, of nobody, against what is no hash, against one of etcd's", async () => {
  const stored = await hash("right");
  assert.equal(await compare("right", stored), "same");
  assert.equal(await compare("wrong", stored), "different");
  assert.equal(await compare("", null), "different", "nobody's password is not even the empty one");
  assert.equal(await compare("right", "no hash"), "different");
  // Go writes another letter and means the same.
  assert.equal(await compare("right", (stored ?? "").replace("$2b$", "$2a$")), "same");
});

test("so many may wait and no more; whoever gives up makes room", async () => {
  const slow = createPasswords(10, (error) => assert.fail(String(error)));
  const outcomes: string[] = [];
  const ask = (): { cancel(): void } => slow.compare("x", null, (outcome) => outcomes.push(outcome));
  const asked = Array.from({ length: 129 }, ask);
  assert.deepEqual(outcomes, [], "one runs, 128 wait");
  ask();
  assert.deepEqual(outcomes, ["busy"]);
  for (const one of asked.slice(1)) {
    one.cancel();
  }
  const answered = new Promise((resolve) => void slow.compare("x", null, resolve));
  assert.equal(await answered, "different");
  assert.deepEqual(outcomes, ["busy", "different"], "those that gave up hear nothing");
  await slow.stop();
  assert.equal(await new Promise((resolve) => void slow.hash("x", resolve)), null, "after the end, nothing");
});

test("a flood of passwords leaves the event loop alone", async () => {
  const slow = createPasswords(10, (error) => assert.fail(String(error)));
  const answered = Array.from(
    { length: 4 },
    () => new Promise((resolve) => void slow.compare("x", null, resolve)),
  );
  const before = performance.eventLoopUtilization();
  await Promise.all(answered);
  const { active, idle } = performance.eventLoopUtilization(before);
  assert.ok(active < idle, `busy for ${active.toFixed(0)} ms, idle for ${idle.toFixed(0)} ms`);
  await slow.stop();
});
