/**
 * Ids as etcd makes them: a member's from its peer URLs and the cluster's token, the cluster's from its first members'.
 * ETCD: differs, 53 bits are kept instead of 64, so that an id is a safe integer everywhere (the low ones: the hexadecimal
 * text ends like etcd's).
 */
import { createHash } from "node:crypto";
import { assert } from "@quorate/base";
import { type NodeId, toNodeId } from "@quorate/raft";

const idMask = (1n << 53n) - 1n;

/**
 * The id of the member that `peerUrls` reach; their order does not matter. One that is added to a running cluster has another with
 * each millisecond, so that a member may return under an address that a removed one had. ETCD: differs, counts seconds, and says "member not
 * found" to whoever adds within the same one what was removed.
 */
export function memberIdOf(
  peerUrls: readonly string[],
  clusterToken: string,
  addedAtMs: number | null = null,
): NodeId {
  assert(peerUrls.length > 0, "identity: a member has a peer URL");
  const when = addedAtMs === null ? "" : String(addedAtMs);
  return toNodeId(
    idFrom(
      createHash("sha1")
        .update(peerUrls.toSorted().join("") + clusterToken + when)
        .digest(),
    ),
  );
}

/** The id of the cluster that these members form at first. Their order does not matter. */
export function clusterIdOf(memberIds: readonly NodeId[]): number {
  assert(memberIds.length > 0, "identity: a cluster has a member");
  const hash = createHash("sha1");
  for (const id of memberIds.toSorted((left, right) => left - right)) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(id));
    hash.update(bytes);
  }
  return idFrom(hash.digest());
}

/** The first eight bytes as a number, cut to 53 bits that are not all zero. */
function idFrom(digest: Buffer): number {
  const id = Number(digest.readBigUInt64BE(0) & idMask);
  return id === 0 ? 1 : id;
}

/** ETCD: ids are written in lower-case hexadecimal without padding. */
export function idText(id: number): string {
  return id.toString(16);
}
