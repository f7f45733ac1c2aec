/**
 * Clients that grant leases, attach keys, keep the leases alive for a while through any member, ask what is left, and then revoke them
 * or let them end. What goes with a lease goes in one revision; the model tells which keys.
 */
import { prefixes } from "../etcd/names.ts";
import { MessageWriter } from "../etcd/protobuf.ts";
import { promise } from "../violation.ts";
import { Client, type ClientKit } from "./client.ts";
import { KeepAlive, type Time } from "./keep-alive.ts";
import { leaseIdOf } from "./lease-ids.ts";
import { putOf } from "./requests.ts";

/** See the head of this file. */
export class Leases extends Client {
  readonly #time: Time;
  readonly #keyCount: number;
  #leaseCount = 0;
  #valueCount = 0;

  constructor(kit: ClientKit, name: string, time: Time, keyCount: number) {
    super(kit, name);
    this.#time = time;
    this.#keyCount = keyCount;
  }

  start(): void {
    this.loop((again) => this.#grant(again));
  }

  #grant(again: () => void): void {
    this.#leaseCount++;
    const id = leaseIdOf(this.name, this.#leaseCount);
    const asked = { clocks: this.#time.clocks(), atMs: this.kit.world.nowMs };
    const grant = { type: "lease-grant", id: BigInt(id), ttlSeconds: this.#ttlSeconds() } as const;
    this.write(grant, (answer) => {
      if (answer.kind !== "done") {
        again();
        return;
      }
      this.kit.counts.add("lease-grant");
      this.kit.oracle.leases.held(grant.id, asked.clocks, asked.atMs);
      this.#attach(id, this.random.integer(0, 4), () => this.#hold(id, grant.ttlSeconds, again));
    });
  }

  /** The API raises what is below its least; whoever writes the command itself must have done so, and it is the same on all members. */
  #ttlSeconds(): number {
    return this.random.integer(4, 7);
  }

  #attach(id: number, count: number, attached: () => void): void {
    if (count === 0) {
      attached();
      return;
    }
    this.#valueCount++;
    const key = `${prefixes.lease}${this.random.integer(0, this.#keyCount)}`;
    const put = putOf(key, `${this.name}-${this.#valueCount}`, { lease: BigInt(id) });
    this.write(put, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("lease-attached");
      }
      this.#attach(id, count - 1, attached);
    });
  }

  /** Keeps it for a while; then revokes it, or leaves it alone. Meanwhile asks now and then what is left. */
  #hold(id: number, ttlSeconds: number, again: () => void): void {
    const pauseMs = this.#pauses(ttlSeconds);
    const keepAlive = this.random.chance(0.7) ? new KeepAlive(this, this.#time, id, pauseMs, () => {}) : null;
    const holdMs = this.random.integer(0, 12_000);
    this.#ask(id, () => {});
    this.later(holdMs, () => {
      keepAlive?.stop();
      if (this.random.chance(0.5)) {
        this.#revoke(id, again);
      } else {
        this.#ask(id, again);
      }
    });
  }

  /** Between two renewals. */
  #pauses(ttlSeconds: number): () => number {
    if (this.#time.isFast && this.random.chance(0.4)) {
      return () => this.random.integer(10, 80);
    }
    return this.random.chance(0.5)
      ? () => this.random.integer(300, 1_500)
      : // Some renew at the last moment, or a little later: what comes while the lease is being revoked is too late.
        () => ttlSeconds * 1_000 + this.random.integer(-300, 400);
  }

  #revoke(id: number, again: () => void): void {
    this.write({ type: "lease-revoke", id: BigInt(id), fenceTerm: 0 }, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("lease-revoke");
      }
      again();
    });
  }

  /** What is left is no more than was granted, of a lease that exists; its keys are those that it held at some moment meanwhile. */
  #ask(id: number, done: () => void): void {
    const { model } = this.kit.oracle;
    const floor = model.revision;
    const existed = model.leases.has(BigInt(id));
    const request = new MessageWriter().number(1, id).flag(2, true).finish();
    this.ask("/etcdserverpb.Lease/LeaseTimeToLive", request, null, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("lease-time-to-live");
        const left = answer.message.number(3);
        const keys = answer.message.texts(5);
        if (left >= 0) {
          this.#checkLeft(id, left, answer.message.number(4), existed);
          this.#checkKeys(id, keys, floor);
        }
        promise(left >= -1, "lease", () => `lease ${id} has ${left} s left`);
      }
      done();
    });
  }

  #checkLeft(id: number, left: number, granted: number, existed: boolean): void {
    promise(
      existed && left <= granted,
      "lease",
      () =>
        `lease ${id} has ${left} of ${granted} s left; when that was asked for it ${existed ? "existed" : "was gone"}`,
    );
  }

  #checkKeys(id: number, keys: readonly string[], floor: number): void {
    const { model } = this.kit.oracle;
    let isKnown = false;
    for (let revision = floor; revision <= model.revision && !isKnown; revision++) {
      isKnown = model.leaseKeys(BigInt(id), revision).join() === keys.join();
    }
    promise(
      isKnown,
      "lease",
      () =>
        `lease ${id} is said to hold ${keys}, which it did at no moment from revision ${floor} to ${model.revision}`,
    );
  }
}
