/** A leader whose disk fails or is full: it acknowledges nothing, says who should lead, and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError } from "@quorate/raft";
import { TestHosts } from "./cluster.ts";

const full = new StorageError({ code: "STORAGE_FULL", syscall: "write", file: "wal/1.log" });

// [transfer-on-trouble]
test("a leader whose disk is full ends, and the member that it names leads before a tick has passed", () => {
  const hosts = new TestHosts(3);
  const { fatal, host, storage } = hosts.elect(1);
  hosts.tick(2);
  const { term } = host;
  storage.failWith(full);
  const outcomes: string[] = [];
  host.propose(Uint8Array.of(1), ({ kind }) => outcomes.push(kind));
  hosts.scheduler.runAll();
  assert.deepEqual(fatal, [full]);
  assert.equal(host.state, "stopped");
  assert.deepEqual(outcomes, ["unknown"], "it may have reached the others");
  const leaders = hosts.members.filter((member) => member.id !== 1 && member.host.role === "leader");
  assert.equal(leaders.length, 1);
  assert.equal(leaders[0]?.host.term, term + 1);
});

// [transfer-on-trouble]
test("the member that it names hears first what is committed", () => {
  const hosts = new TestHosts(3);
  const { fatal, host, storage } = hosts.elect(1);
  hosts.tick(2);
  const said: string[] = [];
  const carry = hosts.network.carry.bind(hosts.network);
  hosts.network.carry = (from, to, frames) => {
    for (const [, frame] of from === 1 ? frames : []) {
      if (frame.kind === "message") {
        const { message } = frame;
        said.push(
          message.type === "append-entries" ? `${to} commit ${message.commit}` : `${to} ${message.type}`,
        );
      }
    }
    carry(from, to, frames);
  };
  // The others commit it while the own disk hangs, which fails before there is another turn.
  const failures: ((error: Error) => void)[] = [];
  storage.write = (_batch, completed) => void failures.push(completed);
  const before = host.committed;
  host.propose(Uint8Array.of(1), () => {});
  while (host.committed === before) {
    assert.ok(hosts.scheduler.runTurn() > 0, "nothing was committed");
  }
  failures[0]?.(full);
  hosts.scheduler.runAll();
  assert.deepEqual(fatal, [full]);
  const told = said.findIndex((each) => each.endsWith("timeout-now"));
  assert.ok(told > 0, said.join(", "));
  assert.equal(said[told - 1], `${said[told]?.[0]} commit ${host.committed}`, said.join(", "));
});

test("an error of the code names nobody: nothing at all leaves a member that is wrong", () => {
  const hosts = new TestHosts(3);
  const { fatal, host, storage } = hosts.elect(1);
  hosts.tick(2);
  storage.failWith(new Error("not of the disk"));
  host.propose(Uint8Array.of(1), () => {});
  hosts.scheduler.runAll();
  assert.equal(fatal.length, 1);
  assert.ok(hosts.members.every((member) => member.id === 1 || member.host.role === "follower"));
});

test("a follower whose disk is full ends by itself", () => {
  const hosts = new TestHosts(3);
  const { host } = hosts.elect(1);
  hosts.tick(2);
  const { fatal, storage } = hosts.member(2);
  storage.failWith(full);
  const outcomes: string[] = [];
  host.propose(Uint8Array.of(1), ({ kind }) => outcomes.push(kind));
  hosts.scheduler.runAll();
  assert.deepEqual(fatal, [full]);
  assert.deepEqual(outcomes, ["applied"], "the other two are a majority");
  assert.equal(host.role, "leader");
});

test("found by the memory mode of test clusters: a member whose disk fails while it stops has stopped", () => {
  const hosts = new TestHosts(3);
  const { host, storage } = hosts.elect(1);
  hosts.tick(2);
  host.propose(Uint8Array.of(1), () => {});
  storage.failWith(full);
  const ends: (Error | null)[] = [];
  host.stop({ transfer: false }, (error) => ends.push(error));
  hosts.scheduler.runAll();
  assert.deepEqual(ends, [full]);
  assert.equal(host.state, "stopped");
});

test("a member that is halted while it stops has stopped", () => {
  const hosts = new TestHosts(3);
  const { host } = hosts.elect(1);
  const ends: (Error | null)[] = [];
  host.stop({}, (error) => ends.push(error));
  host.halt();
  hosts.scheduler.runAll();
  assert.deepEqual(ends, [null]);
});
