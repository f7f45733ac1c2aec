/** One row of the flag table, whatever it sets; the rows themselves stand by group in `flags/`. */
import type { ValueKind } from "./value-kind.ts";

/** The sections of help and docs/flags.md, in their order. */
export const flagGroups = [
  "Member",
  "Clustering",
  "Raft",
  "Limits",
  "Security",
  "Auth",
  "Checks",
  "Logging",
  "Monitoring",
  "Configuration",
] as const;

/** One section. */
type FlagGroup = (typeof flagGroups)[number];

/** One flag that is honoured. */
export interface Flag<T> {
  /** As on the command line, without dashes, and in the configuration file. */
  readonly name: string;
  readonly group: FlagGroup;
  readonly kind: ValueKind<T>;
  readonly defaultValue: T;
  /** What etcd 3.7 takes when the flag is not given; it differs from ours only where `help` says why. Empty: no flag of etcd, or nothing. */
  readonly etcdDefault: string;
  /** False for a flag that etcd does not have. */
  readonly isEtcds: boolean;
  /** How it differs from etcd's flag of this name, in a sentence or two. Left out: it does what etcd's does. */
  readonly differs?: string;
  /** One or two sentences for help and docs. */
  readonly help: string;
}

/** A row for each setting of a group. */
export type FlagRows<Values> = { readonly [K in keyof Values]: Flag<Values[K]> };
