/** Addresses and cluster names as people write them. */
import { createHash } from "node:crypto";
import { assert } from "@quorate/base";
import type { PeerAddress } from "./tcp/options.ts";

/** `host:port` or `[v6]:port`; null when it is neither. */
export function parseAddress(text: string): PeerAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port <= 65_535 ? { host, port } : null;
}

/** What {@link parseAddress} reads. */
export function formatAddress({ host, port }: PeerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A cluster id is 53 non-zero bits: a number as it is, a name by its hash. */
export function clusterIdOf(cluster: string | number): number {
  if (typeof cluster === "number") {
    assert(Number.isSafeInteger(cluster) && cluster > 0, "cluster id: not between 1 and 2^53-1");
    return cluster;
  }
  const hash = createHash("sha256").update(cluster).digest();
  return (hash.readUInt32BE(0) & 0x1fffff) * 2 ** 32 + hash.readUInt32BE(4) || 1;
}
