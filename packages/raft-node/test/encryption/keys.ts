/** Keys for tests. */
import type { EncryptionKeys } from "@quorate/raft-node";

export function keysOf(current: number, ...ids: number[]): EncryptionKeys {
  const all = ids.length === 0 ? [current] : ids;
  return {
    keys: all.map((id) => ({ id, key: Uint8Array.from({ length: 32 }, (_, i) => (id * 31 + i * 7) & 0xff) })),
    current,
  };
}
