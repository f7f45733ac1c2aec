/** Which order of events proves that a peer's process is gone, by a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerGoneReason } from "@quorate/raft";
import { isEndedByPeer, isRefusal, PeerLife } from "../../src/tcp/peer-life.ts";

const boot = (number: number): Uint8Array => new Uint8Array(16).fill(number);

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

class Watched {
  nowMs = 0;
  readonly told: PeerGoneReason[] = [];
  readonly life: PeerLife = new PeerLife(
    (reason) => this.told.push(reason),
    () => this.nowMs,
  );
}

test("ended by the peer, then refused: gone, once", () => {
  const { life, told } = new Watched();
  life.established(boot(1));
  life.ended(true);
  life.refused(false);
  life.refused(false);
  assert.deepEqual(told, ["refused"]);
});

test("refused without an end before it, or after an end by this side, proves nothing", () => {
  const { life, told } = new Watched();
  life.refused(false);
  life.established(boot(1));
  life.refused(false);
  life.ended(false);
  life.refused(false);
  // An end by this side also takes the meaning from one by the peer before it.
  life.ended(true);
  life.ended(false);
  life.refused(false);
  assert.deepEqual(told, []);
});

test("a connection that stands, or a new handshake, ends the suspicion", () => {
  const { life, told } = new Watched();
  life.established(boot(1));
  life.ended(true);
  life.refused(true);
  assert.deepEqual(told, [], "another connection stands");
  life.established(boot(1));
  life.refused(false);
  assert.deepEqual(told, [], "the same process answered since");
  life.ended(true);
  life.refused(true);
  life.ended(true);
  life.refused(false);
  assert.deepEqual(told, ["refused"], "the other one ended as well");
});

test("a refusal long after the end proves nothing", () => {
  const watched = new Watched();
  watched.life.established(boot(1));
  watched.life.ended(true);
  watched.nowMs = 1001;
  watched.life.refused(false);
  assert.deepEqual(watched.told, []);
});

test("another boot id is another process, whatever became of the connections", () => {
  const { life, told } = new Watched();
  life.established(boot(1));
  life.established(boot(1));
  assert.deepEqual(told, []);
  life.established(boot(2));
  assert.deepEqual(told, ["restarted"]);
  life.ended(true);
  life.refused(false);
  life.established(boot(3));
  assert.deepEqual(told, ["restarted", "refused"], "its death was known before its successor came");
});

test("what counts as the peer's doing, and as a refusal", () => {
  assert.ok(isEndedByPeer(true, null));
  assert.ok(isEndedByPeer(false, failure("ECONNRESET")));
  assert.ok(isEndedByPeer(false, failure("EPIPE")));
  for (const mine of [failure("ETIMEDOUT"), failure("EHOSTUNREACH"), new Error("no sign of life")]) {
    assert.ok(!isEndedByPeer(false, mine), mine.message);
  }
  assert.ok(!isEndedByPeer(false, null), "destroyed by this side");
  assert.ok(isRefusal(failure("ECONNREFUSED")));
  assert.ok(isRefusal(new AggregateError([failure("ECONNREFUSED"), failure("ECONNREFUSED")])));
  assert.ok(!isRefusal(new AggregateError([failure("ECONNREFUSED"), failure("ETIMEDOUT")])));
  assert.ok(!isRefusal(new AggregateError([])));
  assert.ok(!isRefusal(failure("ETIMEDOUT")));
  assert.ok(!isRefusal(null));
});
