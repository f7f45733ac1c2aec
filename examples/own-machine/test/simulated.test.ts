/**
 * The bank under the simulator: some hundred crashes, partitions and lost messages later every member holds the same accounts, none is
 * below zero, and no money came from nowhere.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type SimulatedAct, type SimulatedOperation, simulate } from "@quorate/sim";
import { Bank, type Command, type Result } from "../own-machine.ts";

const accounts = ["ann", "bob", "cyd"];

/** What was paid in, or may have been. */
function paidIn(operations: readonly SimulatedOperation<Command, Result>[]): number {
  return operations.reduce(
    (sum, { command }) => sum + (command?.type === "deposit" ? Math.max(0, command.amount) : 0),
    0,
  );
}

test("no account is ever below zero, and no money comes from nowhere", () => {
  let questionCount = 0;
  const report = simulate({
    stateMachine: () => new Bank(),
    workload: {
      next: (random): SimulatedAct<Command, Bank> => {
        const amount = random.integer(-1, 20);
        const from = random.pick(accounts);
        const to = random.pick(accounts);
        if (random.chance(0.3)) {
          return { query: (bank: Bank) => accounts.map((account) => bank.balance(account)) };
        }
        return random.chance(0.4)
          ? { command: { type: "deposit", account: to, amount } }
          : { command: { type: "transfer", from, to, amount } };
      },
      check: (operations: readonly SimulatedOperation<Command, Result>[]) => {
        const most = paidIn(operations);
        for (const { answer } of operations.filter(({ command }) => command === null)) {
          const balances = answer as readonly number[];
          assert.ok(
            balances.every((balance) => balance >= 0),
            `below zero: ${balances}`,
          );
          assert.ok(balances.reduce((sum, balance) => sum + balance, 0) <= most, `${balances} of ${most}`);
          questionCount++;
        }
      },
    },
    seeds: 10,
    profile: "short",
  });
  assert.deepEqual(report.failures, []);
  assert.ok(report.faults.total > 300 && report.snapshotCount > 20);
  assert.ok(questionCount > 50, `${questionCount} questions`);
});
