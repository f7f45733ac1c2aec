/** What goes on while members die: writers, holders of a lock, leases that are kept and leases that are left. */
import { utf8Encode } from "@quorate/base";
import { Compare_CompareResult, Compare_CompareTarget, KV, Lease, Lock } from "@quorate/etcd/messages";
import { Members, pause } from "./members.ts";

/** Runs until it is stopped. */
abstract class Worker {
  protected readonly members: Members;
  protected stopped = false;
  readonly #done: Promise<void>;

  constructor(urls: readonly string[], turn: number) {
    this.members = new Members(urls, turn);
    this.#done = Promise.resolve().then(() => this.run());
  }

  protected abstract run(): Promise<void>;

  async stop(): Promise<void> {
    this.stopped = true;
    await this.#done;
    this.members.close();
  }
}

/** Writes ever new keys, none twice; remembers those that were acknowledged. */
export class Writer extends Worker {
  readonly acknowledged: string[] = [];
  readonly #prefix: string;

  constructor(urls: readonly string[], turn: number, prefix: string) {
    super(urls, turn);
    this.#prefix = prefix;
  }

  protected override async run(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const key = `${this.#prefix}${i}`;
      try {
        await this.members.once(KV.method.put, { key: utf8Encode(key), value: utf8Encode(key) });
        this.acknowledged.push(key);
      } catch {
        await pause(5); // Refused or unknown: it may be there or not, and is not tried again.
      }
    }
  }
}

/**
 * Takes a lock again and again. What the lock protects is a key that only the newest holder may write: each write names the revision
 * at which its lock's key was created, and goes through only while that key is there.
 */
export class Holder extends Worker {
  /** Fencing revisions of the protected writes that were acknowledged. */
  readonly fences: number[] = [];
  /** Protected writes that the fence refused: the lock was lost, and its holder told so. */
  refusedCount = 0;

  protected override async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.#hold();
      } catch {
        await pause(20); // The member died with the lock's lease or the lock itself; the lease ends by itself.
      }
    }
  }

  async #hold(): Promise<void> {
    const { ID: lease } = await this.members.once(Lease.method.leaseGrant, { TTL: 3n });
    try {
      const { key } = await this.members.once(Lock.method.lock, { name: utf8Encode("lock"), lease }, 10_000);
      const { kvs } = await this.members.once(KV.method.range, { key });
      const fence = kvs[0]?.createRevision;
      for (let writes = 0; writes < 3 && fence !== undefined; writes++) {
        const compare = {
          key,
          result: Compare_CompareResult.EQUAL,
          target: Compare_CompareTarget.CREATE,
          targetUnion: { case: "createRevision" as const, value: fence },
        };
        const put = { key: utf8Encode("watched/protected"), value: utf8Encode(String(fence)) };
        const { succeeded } = await this.members.once(KV.method.txn, {
          compare: [compare],
          success: [{ request: { case: "requestPut", value: put } }],
        });
        if (succeeded) {
          this.fences.push(Number(fence));
        } else {
          this.refusedCount++;
          break;
        }
      }
      await this.members.once(Lock.method.unlock, { key });
    } finally {
      await this.members.repeat(Lease.method.leaseRevoke, { ID: lease }, () => true);
    }
  }
}

/** Grants leases and leaves them: their keys must go, and not before their time. */
export class Leaver extends Worker {
  /** When each key may go at the earliest, on the clock of `performance.now`. */
  readonly dueMs: Map<string, number> = new Map();

  protected override async run(): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      try {
        const ttlSeconds = 2 + (i % 3);
        const askedAtMs = performance.now();
        const { ID: lease } = await this.members.once(Lease.method.leaseGrant, { TTL: BigInt(ttlSeconds) });
        const key = `watched/left/${i}`;
        await this.members.once(KV.method.put, { key: utf8Encode(key), value: utf8Encode("1"), lease });
        // The time counts from when the grant was applied, which was after it was asked for.
        this.dueMs.set(key, askedAtMs + ttlSeconds * 1000);
      } catch {
        // Nothing is known of this one.
      }
      await pause(50);
    }
  }
}
