/** Where each workload keeps its keys. The register of `workload.ts` has keys that begin with another letter. */

/** The prefix of each. */
export const prefixes = {
  /** Everything that clients of the API write. */
  all: "e/",
  mix: "e/m/",
  single: "e/s/",
  bank: "e/bank/",
  lease: "e/l/",
  lock: "e/lock/",
  fence: "e/fence/",
  fill: "e/x/",
  auth: "e/auth/",
} as const;

/** The first text behind all that begin with `prefix`. */
export function endOf(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}
