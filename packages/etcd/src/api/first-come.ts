/**
 * First come, first served over keys: whoever has the key with the lowest create revision under a prefix comes first. Locks and
 * elections are that and nothing else; their keys live as long as a lease. What is waited for is read from the local store: a
 * key that was written here is in it, and a predecessor that is gone never returns.
 */
import { assert, utf8Encode } from "@quorate/base";
import type { KeyValue, KvErrorCode, PutRequest, RangeRequest, RequestOp, TxnRequest } from "@quorate/kv";
import type { ApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { failUnknown, failWith } from "./failures.ts";

/** ETCD: the life of a key for which the client brought no lease. */
const ttlSecondsDefault = 60;

/** A client's key under a prefix. */
export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly lease: bigint;
  /** The store's revision when the key was found or written. */
  readonly revision: number;
}

interface Waiter {
  readonly call: UnaryApiCall;
  readonly place: Place;
  readonly expired: string;
  readonly first: () => void;
}

/** Everybody who looks at one prefix. */
interface Group {
  readonly prefix: Uint8Array;
  readonly waiters: Set<Waiter>;
  readonly observers: Set<(first: KeyValue | null) => void>;
}

/** See the head of this file. */
export class FirstCome {
  readonly #context: ApiContext;
  readonly #chooseLease: () => bigint;
  readonly #groups: Map<string, Group> = new Map();
  #seenRevision = 0;

  constructor(context: ApiContext, chooseLease: () => bigint) {
    this.#context = context;
    this.#chooseLease = chooseLease;
    this.#seenRevision = context.options.store.revision;
  }

  /** Writes the client's key under `name`, or finds it there; then goes on. Otherwise `call` failed. */
  enter(
    call: UnaryApiCall,
    name: Uint8Array,
    lease: bigint,
    value: Uint8Array,
    entered: (place: Place, found: KeyValue | null) => void,
  ): void {
    const { auth } = this.#context;
    const refused = this.refuseRead(call, name);
    if (refused !== null) {
      auth.appeal(call, refused, () => this.enter(call, name, lease, value, entered));
      return;
    }
    if (lease === 0n) {
      const grant = { type: "lease-grant", id: this.#chooseLease(), ttlSeconds: ttlSecondsDefault } as const;
      this.#context.submitThen(call, this.#context.encode(grant), (result) => {
        assert(result.type === "lease-grant", "first come: a grant answered by something else");
        this.#write(call, name, result.id, value, entered);
      });
    } else {
      this.#write(call, name, lease, value, entered);
    }
  }

  /** Why whoever made the call may not see who stands under `name`; null when it may. */
  refuseRead(call: ApiCall, name: Uint8Array): KvErrorCode | null {
    const prefix = prefixOf(name);
    return this.#context.auth.refuseRead(call, prefix, endOf(prefix));
  }

  /** Calls `first` once nobody is before `place`; fails `call` with `expired` when the place itself is gone by then. */
  wait(call: UnaryApiCall, name: Uint8Array, place: Place, expired: string, first: () => void): void {
    const group = this.#groupOf(prefixOf(name));
    const waiter: Waiter = { call, place, expired, first };
    group.waiters.add(waiter);
    call.onCancel(() => {
      group.waiters.delete(waiter);
      this.#leave(group);
      this.#giveUp(place);
    });
    this.#tell(group);
  }

  /** Calls `observer` with who comes first under `name`, now and at each change below it. Returns the end of it. */
  observe(name: Uint8Array, observer: (first: KeyValue | null) => void): () => void {
    const group = this.#groupOf(prefixOf(name));
    group.observers.add(observer);
    observer(this.#firstOf(group));
    return () => {
      group.observers.delete(observer);
      this.#leave(group);
    };
  }

  /** Who comes first under `name`: a view, to be encoded at once. */
  first(name: Uint8Array): KeyValue | null {
    return this.#read(prefixOf(name));
  }

  /** The store has new revisions: looks at those prefixes whose keys changed. */
  revised(): void {
    const { store } = this.#context.options;
    const from = this.#seenRevision + 1;
    this.#seenRevision = store.revision;
    if (this.#groups.size === 0 || from > store.revision) {
      return;
    }
    const events = store.events(from, Number.MAX_SAFE_INTEGER);
    if ("code" in events) {
      this.restored();
      return;
    }
    for (const group of [...this.#groups.values()]) {
      if (events.events.some(({ key }) => startsWith(key, group.prefix))) {
        this.#tell(group);
      }
    }
  }

  /** The whole state is another: looks at every prefix. */
  restored(): void {
    this.#seenRevision = this.#context.options.store.revision;
    for (const group of [...this.#groups.values()]) {
      this.#tell(group);
    }
  }

  /** Ends what waits. The keys stay until their leases end: whoever waits goes on at another member. */
  stop(): void {
    for (const { waiters } of this.#groups.values()) {
      for (const { call } of waiters) {
        failWith(call, "KV_STOPPED");
      }
      waiters.clear();
    }
    this.#groups.clear();
  }

  #write(
    call: UnaryApiCall,
    name: Uint8Array,
    lease: bigint,
    value: Uint8Array,
    entered: (place: Place, found: KeyValue | null) => void,
  ): void {
    // ETCD: the key that its clients use too, so that they stand in the same queue.
    const key = concat(prefixOf(name), utf8Encode(lease.toString(16)));
    const command = guarded(key, 0, [putOf(key, value, lease)], [rangeOf(key, 0)]);
    this.#context.submitThen(call, this.#context.encode(command), (result) => {
      assert(result.type === "txn", "first come: a transaction answered by something else");
      const [response] = result.responses;
      const found = response?.type === "range" ? (response.kvs[0] ?? null) : null;
      assert(result.succeeded || found !== null, "first come: a key neither written nor found");
      const createRevision = found?.createRevision ?? result.revision;
      entered({ key, createRevision, lease, revision: result.revision }, found);
    });
  }

  #tell(group: Group): void {
    const first = this.#firstOf(group);
    for (const observer of [...group.observers]) {
      observer(first);
    }
    for (const waiter of [...group.waiters]) {
      if (first !== null && first.createRevision < waiter.place.createRevision) {
        continue;
      }
      group.waiters.delete(waiter);
      if (waiter.call.ended) {
        continue;
      }
      if (first !== null && first.createRevision === waiter.place.createRevision) {
        waiter.first();
      } else {
        failUnknown(waiter.call, waiter.expired);
      }
    }
    this.#leave(group);
  }

  #firstOf(group: Group): KeyValue | null {
    return this.#read(group.prefix);
  }

  #read(prefix: Uint8Array): KeyValue | null {
    const result = this.#context.options.store.range({
      ...rangeOf(prefix, 1),
      rangeEnd: endOf(prefix),
      sortOrder: "ascend",
      sortTarget: "create",
    });
    assert(result.type === "range", "first come: a read of now was refused");
    return result.kvs[0] ?? null;
  }

  /** A client that goes away while it waits takes its key along, unless it was another's since. */
  #giveUp({ createRevision, key }: Place): void {
    const remove = { type: "delete-range", key, rangeEnd: noBytes, prevKv: false } as const;
    // Should it get lost, the lease ends the key.
    this.#context.propose(this.#context.encode(guarded(key, createRevision, [remove], [])), () => {});
  }

  #groupOf(prefix: Uint8Array): Group {
    const name = prefix.join();
    const known = this.#groups.get(name);
    const group = known ?? { prefix, waiters: new Set(), observers: new Set() };
    this.#groups.set(name, group);
    return group;
  }

  #leave(group: Group): void {
    if (group.waiters.size === 0 && group.observers.size === 0) {
      this.#groups.delete(group.prefix.join());
    }
  }
}

const noBytes: Uint8Array = new Uint8Array(0);

/** A transaction that runs `success` if the key was created at `createRevision`; 0: if it does not exist. */
export function guarded(
  key: Uint8Array,
  createRevision: number,
  success: readonly RequestOp[],
  failure: readonly RequestOp[],
): TxnRequest {
  const compare = {
    target: "create",
    value: createRevision,
    key,
    rangeEnd: noBytes,
    result: "equal",
  } as const;
  return { type: "txn", compares: [compare], success, failure };
}

/** A put of a key with a lease. */
export function putOf(key: Uint8Array, value: Uint8Array, lease: bigint): PutRequest {
  return { type: "put", key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
}

function rangeOf(key: Uint8Array, limit: number): RangeRequest {
  return {
    type: "range",
    key,
    rangeEnd: noBytes,
    limit,
    revision: 0,
    sortOrder: "none",
    sortTarget: "key",
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

const slash = 0x2f;

/** ETCD: keys of a queue stand below its name. */
function prefixOf(name: Uint8Array): Uint8Array {
  return concat(name, Uint8Array.of(slash));
}

/** The end of all keys that begin with `prefix`, which ends with a slash. */
function endOf(prefix: Uint8Array): Uint8Array {
  assert(prefix.at(-1) === slash, "first come: a prefix without its slash");
  const end = prefix.slice();
  end[end.length - 1] = slash + 1;
  return end;
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && prefix.every((byte, i) => key[i] === byte);
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}
