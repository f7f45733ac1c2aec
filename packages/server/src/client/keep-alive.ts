/** Renewing leases: once, or for as long as somebody holds one. */
import { setTimeout as delay } from "node:timers/promises";
import { Lease, type LeaseKeepAliveResponse } from "@quorate/etcd/messages";
import type { ClusterClient } from "./cluster-client.ts";

/** Renews a lease once, at whichever endpoint answers first. A TTL of 0 in the answer: the lease is gone. */
export async function keepAliveOnce(client: ClusterClient, ID: bigint): Promise<LeaseKeepAliveResponse> {
  const deadline = performance.now() + client.config.commandTimeoutMs;
  for (let attempt = 0; ; attempt++) {
    const stream = await client.stream(Lease.method.leaseKeepAlive, {
      timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())),
    });
    stream.write({ ID });
    stream.end();
    try {
      for await (const answer of stream) {
        return answer;
      }
      throw new Error("a keep-alive stream ended without an answer");
    } catch (error) {
      if (!client.mayReopen(error) || performance.now() > deadline) {
        throw client.failureOf(error);
      }
      await client.failOver(error, attempt);
    }
  }
}

/**
 * Keeps a lease alive until `signal` aborts. Resolves with false when the lease is gone: expired, revoked, or not renewed in time
 * because no member answered; whoever held something by it holds it no more.
 */
export async function keepAliveUntil(
  client: ClusterClient,
  ID: bigint,
  ttlSeconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  let livesUntil = performance.now() + ttlSeconds * 1000;
  while (!signal.aborted) {
    try {
      const answer = await keepAliveOnce(client, ID);
      if (answer.TTL <= 0n) {
        return false;
      }
      livesUntil = performance.now() + Number(answer.TTL) * 1000;
    } catch {
      // Whatever failed: while the lease lives, the next round asks again; after that nobody can renew it any more.
      if (performance.now() > livesUntil) {
        return false;
      }
    }
    await delay((ttlSeconds * 1000) / 3, undefined, { signal }).catch(() => undefined);
  }
  return true;
}
