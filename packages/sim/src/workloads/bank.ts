/** Clients that move money between accounts, by transactions; whatever anybody reads, the sum is what it was at first. */
import { endOf, prefixes } from "../etcd/names.ts";
import { pairOfMessage } from "../etcd/texts.ts";
import { promise } from "../violation.ts";
import { type Answer, Client } from "./client.ts";
import { compareOf, putOf, rangeOf, txnOf } from "./requests.ts";

const accountCount = 5;
const startBalance = 100;

/** What an account's value says: the balance, and who wrote it, so that no two are alike. */
interface Account {
  readonly key: string;
  readonly balance: number;
  readonly mod: number;
}

/** See the head of this file. */
export class Bank extends Client {
  #writeCount = 0;

  start(): void {
    this.loop((again) => this.#act(again));
  }

  #act(again: () => void): void {
    const isSerializable = this.random.chance(0.3);
    const { compactRevision, revision } = this.kit.oracle.model;
    const past = Math.max(1, compactRevision, revision - this.random.integer(0, 20));
    const options = { serializable: isSerializable, revision: this.random.chance(0.2) ? past : 0 };
    this.read(rangeOf(prefixes.bank, endOf(prefixes.bank), options), (answer) => {
      const accounts = accountsOf(answer);
      if (accounts === null) {
        again();
      } else if (accounts.length === 0) {
        this.#open(again);
      } else {
        this.#checkSum(accounts);
        this.#transfer(accounts, again);
      }
    });
  }

  /** All accounts come into being at once, or not at all. */
  #open(again: () => void): void {
    const keys = Array.from({ length: accountCount }, (_, i) => `${prefixes.bank}${i}`);
    const txn = txnOf(
      keys.map((key) => compareOf("create", key, 0)),
      keys.map((key) => putOf(key, this.#value(startBalance))),
    );
    this.write(txn, again);
  }

  #checkSum(accounts: readonly Account[]): void {
    const sum = accounts.reduce((total, { balance }) => total + balance, 0);
    promise(
      accounts.length === accountCount && sum === accountCount * startBalance,
      "bank",
      () => `the accounts hold ${accounts.map(({ balance }) => balance).join(" + ")} = ${sum}`,
    );
    this.kit.counts.add("bank-read");
  }

  /** If both accounts are still what was read. */
  #transfer(accounts: readonly Account[], again: () => void): void {
    const from = this.random.pick(accounts);
    const to = this.random.pick(accounts.filter((account) => account !== from));
    const amount = this.random.integer(1, 20);
    const txn = txnOf(
      [from, to].map(({ key, mod }) => compareOf("mod", key, mod)),
      [putOf(from.key, this.#value(from.balance - amount)), putOf(to.key, this.#value(to.balance + amount))],
    );
    this.write(txn, (answer) => {
      if (answer.kind === "done" && answer.text.startsWith("txn true")) {
        this.kit.counts.add("bank-transfer");
      }
      again();
    });
  }

  #value(balance: number): string {
    this.#writeCount++;
    return `${balance}:${this.name}-${this.#writeCount}`;
  }
}

/** Null for what is no answer. */
function accountsOf(answer: Answer): readonly Account[] | null {
  if (answer.kind !== "done") {
    return null;
  }
  return answer.message.messages(2).map((message) => {
    const { key, mod, value } = pairOfMessage(message);
    return { key, mod, balance: Number(value.split(":")[0]) };
  });
}
