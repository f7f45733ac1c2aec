/**
 * Clients that lock, work under the lock and unlock, or vanish with it. A lock alone protects nothing, for its lease may end while its
 * holder believes in it; the fencing token does: what is written under it is written only while the lock's key is the same.
 */
import { endOf, prefixes } from "../etcd/names.ts";
import { MessageWriter } from "../etcd/protobuf.ts";
import { promise } from "../violation.ts";
import { Client, type ClientKit } from "./client.ts";
import { KeepAlive, type Time } from "./keep-alive.ts";
import { leaseIdOf } from "./lease-ids.ts";
import { compareOf, putOf, txnOf } from "./requests.ts";

/** A lock that was granted. */
interface Held {
  readonly key: string;
  /** The fencing token: the revision at which the key was created. */
  readonly token: number;
  readonly leaseId: number;
}

/** See the head of this file. */
export class Locks extends Client {
  readonly #time: Time;
  readonly #name: string;
  #leaseCount = 0;
  #writeCount = 0;

  constructor(kit: ClientKit, name: string, time: Time) {
    super(kit, name);
    this.#time = time;
    this.#name = `${prefixes.lock}${this.random.pick(["a", "a", "b"])}`;
  }

  start(): void {
    this.loop((again) => this.#grant(again));
  }

  #grant(again: () => void): void {
    this.#leaseCount++;
    const leaseId = leaseIdOf(this.name, this.#leaseCount);
    const asked = { clocks: this.#time.clocks(), atMs: this.kit.world.nowMs };
    const grant = {
      type: "lease-grant",
      id: BigInt(leaseId),
      ttlSeconds: this.random.integer(4, 6),
    } as const;
    this.write(grant, (answer) => {
      if (answer.kind !== "done") {
        again();
        return;
      }
      this.kit.oracle.leases.held(grant.id, asked.clocks, asked.atMs);
      this.#lock(leaseId, again);
    });
  }

  #lock(leaseId: number, again: () => void): void {
    const keepAlive = this.random.chance(0.7)
      ? new KeepAlive(
          this,
          this.#time,
          leaseId,
          () => this.random.integer(500, 1_500),
          () => {},
        )
      : null;
    const finish = (): void => {
      keepAlive?.stop();
      this.write({ type: "lease-revoke", id: BigInt(leaseId), fenceTerm: 0 }, again);
    };
    const request = new MessageWriter().text(1, this.#name).number(2, leaseId).finish();
    this.ask("/v3lockpb.Lock/Lock", request, null, (answer) => {
      if (answer.kind !== "done") {
        finish();
        return;
      }
      const held = this.#check(answer.message.text(2), answer.revision, leaseId);
      this.kit.counts.add("lock");
      this.#work(held, this.random.integer(0, 6), () => {
        // Some never say that they are done: the lease ends for them.
        if (this.random.chance(0.7)) {
          this.#unlock(held, finish);
        } else {
          keepAlive?.stop();
          again();
        }
      });
    });
  }

  /** At the revision of the answer nobody came first but this client. */
  #check(key: string, revision: number, leaseId: number): Held {
    const { history } = this.kit.oracle.model;
    const queue = history.range(`${this.#name}/`, endOf(`${this.#name}/`), revision);
    const first = queue.reduce(
      (left, right) => (right.create < left.create ? right : left),
      queue[0] ?? noKey,
    );
    promise(
      first.key === key && first.lease === BigInt(leaseId),
      "lock",
      () => `${key} is said to hold the lock at revision ${revision}, when ${first.key} came first`,
    );
    return { key, token: first.create, leaseId };
  }

  #work(held: Held, count: number, done: () => void): void {
    if (count === 0) {
      done();
      return;
    }
    this.later(this.random.integer(0, 2_500), () => {
      this.#writeCount++;
      const value = `${held.token}:${this.name}-${this.#writeCount}`;
      const fenced = putOf(`${prefixes.fence}${this.#name}`, value);
      const txn = txnOf([compareOf("create", held.key, held.token)], [fenced]);
      this.write(txn, (answer) => {
        if (answer.kind === "done") {
          this.kit.counts.add(answer.text.startsWith("txn true") ? "lock-fenced-write" : "lock-lost");
        }
        this.#work(held, count - 1, done);
      });
    });
  }

  #unlock(held: Held, done: () => void): void {
    const request = new MessageWriter().text(1, held.key).finish();
    this.ask("/v3lockpb.Lock/Unlock", request, null, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("unlock");
      }
      done();
    });
  }
}

const noKey = { key: "nobody", create: Number.MAX_SAFE_INTEGER, lease: 0n };
