/** What a state machine is told of commands before they are applied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordingMachine } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

/** Notes with each announcement how many commands were applied before it. */
class ForeseeingMachine extends RecordingMachine {
  readonly seen: { readonly applied: number; readonly first: number; readonly count: number }[] = [];

  lookAhead(commands: readonly Uint8Array[]): void {
    const [first] = commands;
    assert.ok(
      first !== undefined && commands.every((command) => command.length > 0),
      "a no-op is no command",
    );
    this.seen.push({ applied: this.commands.length, first: first[0] as number, count: commands.length });
  }
}

/** What a single member's machine is told of the commands 1 to `count`, proposed in one turn. */
function seenOf(count: number, limits: { readonly applyCountPerTurnMax?: number } = {}): ForeseeingMachine {
  const stateMachine = new ForeseeingMachine();
  const hosts = new TestHosts(1, { stateMachine, limits });
  hosts.elect(1);
  for (let i = 1; i <= count; i++) {
    hosts.member(1).host.propose(Uint8Array.of(i), () => {});
  }
  hosts.scheduler.runAll();
  assert.equal(stateMachine.commands.length, count);
  assert.deepEqual(hosts.member(1).fatal, []);
  return stateMachine;
}

test("commands are announced before the first of them is applied, in the order of the log", () => {
  assert.deepEqual(seenOf(10).seen, [{ applied: 0, first: 1, count: 10 }]);
});

test("never more than 128 at a time, nor more than a turn applies", () => {
  assert.deepEqual(seenOf(200).seen, [
    { applied: 0, first: 1, count: 128 },
    { applied: 128, first: 129, count: 72 },
  ]);
  assert.deepEqual(seenOf(10, { applyCountPerTurnMax: 6 }).seen, [
    { applied: 0, first: 1, count: 6 },
    { applied: 6, first: 7, count: 4 },
  ]);
});

test("a few are applied without a word", () => {
  assert.deepEqual(seenOf(3).seen, []);
});
