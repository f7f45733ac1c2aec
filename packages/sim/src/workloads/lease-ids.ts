/** Lease ids that clients choose, so that a grant whose answer is lost is known all the same. */

/** An id that no other client takes. */
export function leaseIdOf(client: string, count: number): number {
  let hash = 0;
  for (let i = 0; i < client.length; i++) {
    hash = (hash * 31 + client.charCodeAt(i)) % 1_000_003;
  }
  return (hash + 1) * 100_000 + count;
}
