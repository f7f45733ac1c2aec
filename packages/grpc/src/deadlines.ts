/**
 * Ends calls whose time is over. Almost every call ends long before: so calls wait in buckets of time, where entering and
 * leaving cost O(1), and one timer serves them all.
 */
import { assert } from "@quorate/base";

/** Something with a deadline. */
export interface Expiring {
  expire(): void;
}

/** Width of a bucket; a deadline is late by at most this, and never early. */
const bucketMs = 10;

/** Longer waits are cut: timers end at 2^31 ms. */
const waitMsMax = 2 ** 30;

/** Deadlines of one server or client. */
export class Deadlines {
  readonly #buckets = new Map<number, Set<Expiring>>();
  #timer: NodeJS.Timeout | null = null;
  #nextBucket = Number.POSITIVE_INFINITY;

  /** Enters `item`; returns the bucket that {@link remove} wants. */
  add(item: Expiring, timeoutMs: number): number {
    assert(timeoutMs >= 0, "deadlines: negative timeout");
    const bucket = Math.ceil((performance.now() + Math.min(timeoutMs, waitMsMax)) / bucketMs) + 1;
    const items = this.#buckets.get(bucket);
    if (items === undefined) {
      this.#buckets.set(bucket, new Set([item]));
      this.#arm(bucket);
    } else {
      items.add(item);
    }
    return bucket;
  }

  /** Takes `item` out of `bucket`; nothing happens when it has expired already. */
  remove(item: Expiring, bucket: number): void {
    const items = this.#buckets.get(bucket);
    if (items?.delete(item) === true && items.size === 0) {
      this.#buckets.delete(bucket);
    }
  }

  /** Forgets everything; nothing expires any more. */
  clear(): void {
    this.#buckets.clear();
    this.#disarm();
  }

  #arm(bucket: number): void {
    if (bucket >= this.#nextBucket) {
      return;
    }
    this.#disarm();
    this.#nextBucket = bucket;
    const delayMs = Math.max(1, bucket * bucketMs - performance.now());
    this.#timer = setTimeout(() => this.#fire(), delayMs);
    this.#timer.unref();
  }

  #disarm(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.#nextBucket = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#disarm();
    const now = performance.now() / bucketMs;
    const due: Expiring[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const [bucket, items] of this.#buckets) {
      if (bucket <= now) {
        due.push(...items);
        this.#buckets.delete(bucket);
      } else if (bucket < earliest) {
        earliest = bucket;
      }
    }
    if (earliest !== Number.POSITIVE_INFINITY) {
      this.#arm(earliest);
    }
    for (const item of due) {
      item.expire();
    }
  }
}
