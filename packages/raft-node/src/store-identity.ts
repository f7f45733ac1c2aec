/**
 * The identity of a member whose storage keeps none of its own: a file in the data directory that says whose data this is, so that
 * a directory of another member or cluster is never taken for this one's.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { toHex } from "@quorate/base";
import { type NodeId, StorageError } from "@quorate/raft";
import type { StoreIdentity } from "@quorate/wal";
import { readIfThere, replaceDurably } from "./durable-files.ts";

const fileName = "identity.json";
const formatVersion = 1;

/**
 * Reads the identity of `directory`, or draws one and notes it durably; null stands for a store that lasts as long as the process.
 *
 * @throws StorageError `STORAGE_FOREIGN` when it is another member's or cluster's, `STORAGE_CORRUPT`, `STORAGE_VERSION`.
 */
export function openIdentity(directory: string | null, clusterId: number, nodeId: NodeId): StoreIdentity {
  const fresh = { clusterId, nodeId, storeId: new Uint8Array(randomBytes(16)) };
  if (directory === null) {
    return fresh;
  }
  const path = join(directory, fileName);
  const bytes = readIfThere(path);
  if (bytes === null) {
    write(path, fresh);
    return fresh;
  }
  const found = parse(path, Buffer.from(bytes).toString());
  if (found.clusterId !== clusterId || found.nodeId !== nodeId) {
    throw new StorageError({
      code: "STORAGE_FOREIGN",
      file: path,
      found: `member ${found.nodeId} of cluster ${found.clusterId}`,
      expected: `member ${nodeId} of cluster ${clusterId}`,
    });
  }
  return found;
}

function write(path: string, { clusterId, nodeId, storeId }: StoreIdentity): void {
  const text = JSON.stringify({ version: formatVersion, clusterId, nodeId, storeId: toHex(storeId) });
  replaceDurably(path, Buffer.from(`${text}\n`));
}

function parse(path: string, text: string): StoreIdentity {
  const value = parseJson(path, text);
  const { clusterId, nodeId, storeId, version } = value;
  if (version !== formatVersion) {
    throw new StorageError({ code: "STORAGE_VERSION", file: path, version: Number(version) });
  }
  if (
    typeof clusterId !== "number" ||
    typeof nodeId !== "number" ||
    typeof storeId !== "string" ||
    !/^[0-9a-f]{32}$/.test(storeId)
  ) {
    throw new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why: "not an identity" });
  }
  return { clusterId, nodeId: nodeId as NodeId, storeId: new Uint8Array(Buffer.from(storeId, "hex")) };
}

function parseJson(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch (error) {
    throw new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why: "not JSON" }, error);
  }
  throw new StorageError({ code: "STORAGE_CORRUPT", file: path, offset: 0, why: "not an object" });
}
