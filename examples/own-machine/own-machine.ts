/** A state machine of your own: a bank whose accounts never go below zero. `main.ts` runs a node on it. */
import type { JsonStateMachine } from "@quorate/raft-node";

/** A command is data: it means the same on every member, today and when the log is read again. */
export type Command =
  | { readonly type: "deposit"; readonly account: string; readonly amount: number }
  | { readonly type: "transfer"; readonly from: string; readonly to: string; readonly amount: number };

/** What the proposer is told. A refusal is a result, too: every member comes to it. */
export type Result =
  | { readonly ok: true; readonly balance: number }
  | { readonly ok: false; readonly why: string };

export class Bank implements JsonStateMachine<Command, Result> {
  #balances: Map<string, number> = new Map();

  /** Deterministic: it looks at nothing but the state and the command. What cannot be done changes nothing. */
  apply(command: Command): Result {
    const { amount } = command;
    if (!Number.isSafeInteger(amount) || amount <= 0) {
      return { ok: false, why: "the amount is no positive whole number" };
    }
    if (command.type === "deposit") {
      return this.#add(command.account, amount);
    }
    if (this.balance(command.from) < amount) {
      return { ok: false, why: `${command.from} has less than ${amount}` };
    }
    this.#add(command.from, -amount);
    return this.#add(command.to, amount);
  }

  /** For reads; `node.read(() => bank.balance("ann"))` makes them linearizable. */
  balance(account: string): number {
    return this.#balances.get(account) ?? 0;
  }

  /** The whole state as a JSON value. It is taken at once, so that later commands do not show in it. */
  snapshot(): [string, number][] {
    return [...this.#balances];
  }

  /** Takes the place of whatever was here. */
  restore(image: [string, number][]): void {
    this.#balances = new Map(image);
  }

  #add(account: string, amount: number): Result {
    const balance = this.balance(account) + amount;
    this.#balances.set(account, balance);
    return { ok: true, balance };
  }
}
