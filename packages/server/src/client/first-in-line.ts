/**
 * A queue of keys under a name, as etcd's clients build locks and elections: each waits for the key that was made before its own to
 * go, and who has none before is first. A key dies with its owner's lease, so that a crash makes room.
 */
import { utf8Encode } from "@quorate/base";
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  KV,
  Lease,
  RangeRequest_SortOrder as Order,
  type RangeResponse,
  RangeRequest_SortTarget as Target,
} from "@quorate/etcd/messages";
import type { ClusterClient } from "./cluster-client.ts";
import { watchKeys } from "./watch-keys.ts";

/** A place in the queue. */
export interface Place {
  readonly key: Uint8Array;
  /** The revision of the key's creation: smaller ones come first. It is a fencing number, too. */
  readonly revision: bigint;
  readonly lease: bigint;
}

/** Grants the lease that a place will hang on. */
export async function openSession(client: ClusterClient, ttlSeconds: number): Promise<bigint> {
  const answer = await client.call(Lease.method.leaseGrant, { TTL: BigInt(ttlSeconds) });
  return answer.ID;
}

/** Lines up under `name`, or finds the place that the lease already has. */
export async function lineUp(
  client: ClusterClient,
  name: string,
  lease: bigint,
  value: string,
): Promise<Place> {
  const key = utf8Encode(`${name}/${BigInt.asUintN(64, lease).toString(16)}`);
  const answer = await client.call(KV.method.txn, {
    compare: [
      {
        key,
        result: CompareResult.EQUAL,
        target: CompareTarget.CREATE,
        targetUnion: { case: "createRevision", value: 0n },
      },
    ],
    success: [{ request: { case: "requestPut", value: { key, value: utf8Encode(value), lease } } }],
    failure: [{ request: { case: "requestRange", value: { key } } }],
  });
  const [first] = answer.responses;
  const found = first?.response.case === "responseRange" ? first.response.value.kvs[0] : undefined;
  return { key, revision: found?.createRevision ?? answer.header?.revision ?? 0n, lease };
}

/** Resolves when nobody is before `place`. Ends early, with false, when `signal` aborts. */
export async function waitForTurn(
  client: ClusterClient,
  name: string,
  place: Place,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    const before = await client.call(KV.method.range, {
      key: utf8Encode(`${name}/`),
      rangeEnd: utf8Encode(`${name}0`), // "0" is what follows "/".
      limit: 1n,
      sortOrder: Order.DESCEND,
      sortTarget: Target.CREATE,
      maxCreateRevision: place.revision - 1n,
    });
    const [last] = before.kvs;
    if (last === undefined) {
      return true;
    }
    const startRevision = (before.header?.revision ?? 0n) + 1n;
    await untilGone(client, last.key, startRevision, signal);
  }
  return false;
}

async function untilGone(
  client: ClusterClient,
  key: Uint8Array,
  startRevision: bigint,
  signal: AbortSignal,
): Promise<void> {
  for await (const answer of watchKeys(client, { key, startRevision }, signal)) {
    // Cancelled for a compaction: who is before is asked again.
    if (answer.canceled || answer.events.some(({ type }) => type === 1)) {
      return;
    }
  }
}

/** Who is first at present, as the server has it. */
export async function firstInLine(client: ClusterClient, name: string): Promise<RangeResponse> {
  return client.call(KV.method.range, {
    key: utf8Encode(`${name}/`),
    rangeEnd: utf8Encode(`${name}0`),
    limit: 1n,
    sortOrder: Order.ASCEND,
    sortTarget: Target.CREATE,
  });
}

/** Gives the place, and all that hangs on its lease, back. */
export async function leaveLine(client: ClusterClient, lease: bigint): Promise<void> {
  await client.call(Lease.method.leaseRevoke, { ID: lease });
}
