/** Clients that do a little of everything that the KV service offers, on a few keys that they share. */
import type { Compare, RangeRequest, RequestOp, TxnRequest } from "@quorate/kv";
import { endOf, prefixes } from "../etcd/names.ts";
import { MessageWriter } from "../etcd/protobuf.ts";
import { promise } from "../violation.ts";
import { Client, type ClientKit } from "./client.ts";
import type { OperationKind } from "./operation-count.ts";
import { compareOf, deleteOf, putOf, rangeOf, txnOf, valueIs } from "./requests.ts";

type Act = (again: () => void) => void;

/** See the head of this file. */
export class KvMix extends Client {
  readonly #keyCount: number;
  readonly #acts: readonly Act[];
  #valueCount = 0;

  constructor(kit: ClientKit, name: string, keyCount: number) {
    super(kit, name);
    this.#keyCount = keyCount;
    const put: Act = (again) => this.#put(again);
    const get: Act = (again) => this.#read("get", rangeOf(this.#key()), again);
    this.#acts = [
      put,
      put,
      put,
      get,
      get,
      (again) => this.#range(again),
      (again) => this.#range(again),
      (again) => this.#rangeAtRevision(again),
      (again) => this.#delete(again),
      (again) => this.#txn(again),
      (again) => this.#txn(again),
      (again) => this.#readOnlyTxn(again),
      (again) => this.#hash(again),
    ];
  }

  start(): void {
    this.loop((again) => this.random.pick(this.#acts)(again));
  }

  #key(): string {
    return `${prefixes.mix}${this.random.integer(0, this.#keyCount)}`;
  }

  #value(): string {
    this.#valueCount++;
    return `${this.name}-${this.#valueCount}-${"v".repeat(this.random.integer(0, 40))}`;
  }

  #do(kind: OperationKind, request: Parameters<Client["write"]>[0], again: () => void): void {
    this.write(request, (answer) => {
      if (answer.kind === "done") {
        const isElse = answer.text.startsWith("txn false");
        this.kit.counts.add(isElse ? "txn-else" : kind);
      }
      again();
    });
  }

  #put(again: () => void): void {
    if (this.random.chance(0.1)) {
      this.#do("put-keeping-value", putOf(this.#key(), "", { ignoreValue: true, prevKv: true }), again);
    } else {
      this.#do("put", putOf(this.#key(), this.#value(), { prevKv: this.random.chance(0.3) }), again);
    }
  }

  #read(kind: OperationKind, request: RangeRequest, again: () => void): void {
    this.read(request, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add(kind);
      }
      again();
    });
  }

  #range(again: () => void): void {
    const { random } = this;
    const isSerializable = random.chance(0.3);
    const request = rangeOf(prefixes.mix, random.pick([endOf(prefixes.mix), endOf(prefixes.all), "\0"]), {
      limit: random.pick([0, 0, 1, 2, 5]),
      sortOrder: random.pick(["none", "ascend", "descend"]),
      sortTarget: random.pick(["key", "key", "version", "create", "mod", "value"]),
      keysOnly: random.chance(0.1),
      countOnly: random.chance(0.1),
      serializable: isSerializable,
      minModRevision: random.chance(0.1) ? this.#someRevision() : 0,
      maxCreateRevision: random.chance(0.1) ? this.#someRevision() : 0,
    });
    this.#read(isSerializable ? "range-serializable" : "range", request, again);
  }

  #rangeAtRevision(again: () => void): void {
    const request = rangeOf(prefixes.mix, endOf(prefixes.mix), {
      revision: this.#someRevision() + this.random.pick([0, 0, 0, 1]),
      serializable: this.random.chance(0.3),
    });
    this.#read("range-at-revision", request, again);
  }

  /** Near the newest or the oldest one that can be read, or anywhere. */
  #someRevision(): number {
    const { compactRevision, revision } = this.kit.oracle.model;
    const near = this.random.pick([
      revision,
      revision - 3,
      compactRevision,
      compactRevision + 1,
      compactRevision - 1,
    ]);
    const any = this.random.integer(1, revision + 1);
    return Math.min(revision, Math.max(1, this.random.chance(0.7) ? near : any));
  }

  #delete(again: () => void): void {
    const prevKv = this.random.chance(0.5);
    if (this.random.chance(0.7)) {
      this.#do("delete", deleteOf(this.#key(), "", prevKv), again);
    } else {
      this.#do("delete-range", deleteOf(this.#key(), endOf(prefixes.mix), prevKv), again);
    }
  }

  /** Something unique is in it, so that it is found in the log as often as it was asked for. */
  #txn(again: () => void): void {
    const keys = this.#differentKeys(3);
    const [first = prefixes.mix, second, third] = keys;
    const operations: RequestOp[] = [
      putOf(first, this.#value(), { prevKv: true }),
      rangeOf(prefixes.mix, endOf(prefixes.mix)),
    ];
    if (second !== undefined) {
      operations.push(deleteOf(second, "", true));
    }
    const isNested = third !== undefined && this.random.chance(0.4);
    if (isNested) {
      operations.push(this.#nested(first, third));
    }
    const failure = [rangeOf(first), putOf(first, this.#value())];
    const txn = txnOf(this.#compares(keys), operations, failure);
    this.#do(isNested ? "txn-nested" : "txn", txn, again);
  }

  /** Its compares see the state before the whole, its range what was written before it. */
  #nested(written: string, key: string): TxnRequest {
    const inner = txnOf(
      [compareOf("version", key, 1, "greater")],
      [putOf(key, this.#value())],
      [rangeOf(written)],
    );
    return txnOf(
      [compareOf("create", written, 0, "not-equal")],
      [inner, rangeOf(written)],
      [rangeOf(written, "", { countOnly: true })],
    );
  }

  #compares(keys: readonly string[]): readonly Compare[] {
    const { random } = this;
    return keys.slice(0, random.integer(0, 3)).map((key): Compare => {
      const found = this.kit.oracle.model.history.at(key, this.kit.oracle.model.revision);
      const result = random.pick(["equal", "equal", "not-equal", "greater", "less"] as const);
      switch (random.integer(0, 4)) {
        case 0:
          return valueIs(key, found?.value ?? "", result);
        case 1:
          return compareOf("mod", key, found?.mod ?? 0, result);
        case 2:
          return compareOf("version", key, found?.version ?? 0, result);
        default:
          return compareOf("create", key, found?.create ?? 0, result);
      }
    });
  }

  #differentKeys(count: number): readonly string[] {
    return [...new Set(Array.from({ length: count }, () => this.#key()))];
  }

  #readOnlyTxn(again: () => void): void {
    const key = this.#key();
    const txn = txnOf(
      [compareOf("create", key, 0, "greater")],
      [rangeOf(key), rangeOf(this.#key())],
      [rangeOf(prefixes.mix, endOf(prefixes.mix), { limit: 2 })],
    );
    this.readTxn(txn, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("txn-read-only");
      }
      again();
    });
  }

  /** Two members that hash the same history get the same hash. */
  #hash(again: () => void): void {
    const request = new MessageWriter().number(1, this.#someRevision()).finish();
    const path = "/etcdserverpb.Maintenance/HashKV";
    this.ask(path, request, null, (left) =>
      this.ask(path, request, null, (right) => {
        if (left.kind === "done" && right.kind === "done") {
          const [one, other] = [left, right].map(({ message }) => ({
            of: `${message.number(3)}..${message.number(4)}`,
            hash: message.number(2),
          }));
          promise(
            one?.of !== other?.of || one?.hash === other?.hash,
            "state-machine-safety",
            () => `the history ${one?.of} is hashed to ${one?.hash} and to ${other?.hash}`,
          );
          this.kit.counts.add("hash-kv");
        }
        again();
      }),
    );
  }
}
