/** Requests to the leader: handled once, answered, refused or unknown; never sent twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type PeerFrame, type RaftHost, type RequestOutcome, toNodeId, toTerm } from "@quorate/raft";
import { TestHosts } from "./cluster.ts";

const channel = 20;
const echo = (bytes: Uint8Array): Uint8Array => Uint8Array.of(...bytes, 99);

function ask(host: RaftHost<number>, timeoutTicks?: number): RequestOutcome[] {
  const outcomes: RequestOutcome[] = [];
  host.requestLeader(channel, Uint8Array.of(7), (outcome) => outcomes.push(outcome), timeoutTicks);
  return outcomes;
}

/** Three members, 1 leads; each notes whose requests it handled. */
function cluster(): { hosts: TestHosts; handled: [number, number][] } {
  const hosts = new TestHosts(3);
  const handled: [number, number][] = [];
  for (const { host, id } of hosts.members) {
    host.onRequest(channel, (from, bytes, answer) => {
      handled.push([id, from]);
      answer(echo(bytes));
    });
  }
  hosts.elect(1);
  return { hosts, handled };
}

test("every member's request is handled by the leader, its own too, and answered", () => {
  const { hosts, handled } = cluster();
  for (const id of [1, 2, 3]) {
    const outcomes = ask(hosts.member(id).host);
    hosts.scheduler.runAll();
    assert.deepEqual(outcomes, [{ kind: "answered", bytes: Uint8Array.of(7, 99) }], `member ${id}`);
  }
  assert.deepEqual(handled, [
    [1, 1],
    [1, 2],
    [1, 3],
  ]);
});

test("without a leader, and without a handler there, a request is certainly not handled", () => {
  const hosts = new TestHosts(3);
  assert.deepEqual(ask(hosts.member(2).host), [{ kind: "refused", reason: "no-leader", leader: 0 }]);
  hosts.elect(1);
  const outcomes = ask(hosts.member(2).host);
  hosts.scheduler.runAll();
  assert.deepEqual(outcomes, [{ kind: "refused", reason: "unknown-channel", leader: 1 }]);
});

test("a request is too long, or one too many", () => {
  const { hosts } = cluster();
  const { host } = hosts.member(2);
  const outcomes: RequestOutcome[] = [];
  host.requestLeader(channel, new Uint8Array(4 * 1024 * 1024 + 1), (outcome) => outcomes.push(outcome));
  assert.deepEqual(outcomes, [{ kind: "refused", reason: "too-large", leader: 1 }]);
  for (let i = 0; i < 4096; i++) {
    ask(host);
  }
  assert.deepEqual(ask(host), [{ kind: "refused", reason: "too-many", leader: 1 }]);
});

test("a lost request times out, a lost connection and a lost leader end it: the outcome is unknown", () => {
  const { hosts } = cluster();
  const { host } = hosts.member(2);
  hosts.network.cut(toNodeId(2), toNodeId(1));
  const lost = ask(host);
  hosts.scheduler.runAll(); // The memory network tells the sender of a cut link.
  assert.deepEqual(lost, [{ kind: "unknown", reason: "connection-lost" }]);

  hosts.network.heal();
  hosts.network.cut(toNodeId(1), toNodeId(2)); // The answers are lost, silently for member 2.
  const late = ask(host, 3);
  hosts.tick(2);
  assert.deepEqual(late, []);
  hosts.tick(1);
  assert.deepEqual(late, [{ kind: "unknown", reason: "timed-out" }]);

  const silent = new TestHosts(3);
  silent.member(1).host.onRequest(channel, () => {});
  silent.elect(1);
  const overtaken = ask(silent.member(2).host, 1000);
  silent.scheduler.runAll();
  assert.deepEqual(overtaken, []);
  silent.member(1).host.handOver(toNodeId(3), () => {});
  silent.scheduler.runAll();
  assert.deepEqual(overtaken, [{ kind: "unknown", reason: "leader-changed" }]);
});

test("a copy of a request is neither handled again nor answered, nor is one of another term", () => {
  const { hosts, handled } = cluster();
  const frames: PeerFrame[] = [];
  const transport = hosts.network.connect(toNodeId(3));
  transport.start({ received: (_group, _from, frame) => void frames.push(frame), unreachable: () => {} });
  const { term } = hosts.member(1).host;
  const request = (requestId: number, at = term): void => {
    const bytes = Uint8Array.of(1);
    transport.send(0, toNodeId(1), { kind: "request", term: at, requestId, channel, bytes });
    hosts.scheduler.runAll();
  };
  const answers = (): number => frames.filter(({ kind }) => kind === "answer").length;
  const first = 2 ** 31 + 1;
  request(first);
  assert.equal(answers(), 1);
  request(first);
  request(first + 1, toTerm(term + 1));
  assert.equal(answers(), 1, "no second answer");
  assert.deepEqual(handled, [[1, 3]]);
});

test("a follower that is taken for the leader refuses; who stopped and who gave up are told once", () => {
  const { hosts, handled } = cluster();
  const frames: PeerFrame[] = [];
  const transport = hosts.network.connect(toNodeId(3));
  transport.start({ received: (_group, _from, frame) => void frames.push(frame), unreachable: () => {} });
  const { host } = hosts.member(2);
  const asked = { requestId: 2 ** 31 + 1, channel, bytes: Uint8Array.of(1) };
  transport.send(0, toNodeId(2), { kind: "request", term: host.term, ...asked });
  hosts.scheduler.runAll();
  const [answer] = frames.filter(({ kind }) => kind === "answer");
  assert.ok(answer?.kind === "answer");
  assert.deepEqual([answer.refusal, answer.leader], ["not-leader", 1]);
  assert.deepEqual(handled, []);

  const outcomes: RequestOutcome[] = [];
  const waiting = host.requestLeader(channel, Uint8Array.of(7), (outcome) => outcomes.push(outcome));
  waiting.abandon();
  hosts.scheduler.runAll();
  assert.deepEqual(outcomes, [{ kind: "unknown", reason: "abandoned" }]);
  const stopped = ask(host);
  host.halt();
  assert.deepEqual(stopped, [{ kind: "unknown", reason: "stopped" }]);
  assert.deepEqual(ask(host), [{ kind: "refused", reason: "stopped", leader: 1 }]);
});

test("an answer may come later; after the end of the member it is dropped", () => {
  const hosts = new TestHosts(3);
  const answers: ((bytes: Uint8Array) => void)[] = [];
  hosts.member(1).host.onRequest(channel, (_from, _bytes, answer) => void answers.push(answer));
  hosts.elect(1);
  const first = ask(hosts.member(2).host);
  const second = ask(hosts.member(2).host);
  hosts.scheduler.runAll();
  assert.deepEqual(first, []);
  answers[0]?.(Uint8Array.of(5));
  hosts.scheduler.runAll();
  assert.deepEqual(first, [{ kind: "answered", bytes: Uint8Array.of(5) }]);
  hosts.member(1).host.halt();
  answers[1]?.(Uint8Array.of(6));
  hosts.scheduler.runAll();
  assert.deepEqual(second, []);
});
