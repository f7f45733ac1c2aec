/** Versions as etcd writes them, and what a cluster is said to be while it goes down to an older one. */
import { must } from "@quorate/base";

/** Major and minor number. */
export interface Release {
  readonly major: number;
  readonly minor: number;
}

/** The release of `3.6`, or of `3.6.2`; undefined when it is neither. */
export function releaseOf(version: string): Release | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})(?:\.\d{1,9})?$/.exec(version);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** The cluster's version, as `3.7.0`: that of its members, or of the downgrade that is under way. */
export function clusterVersionOf(memberVersion: string, downgradeTarget: string | null): string {
  const { major, minor } = must(releaseOf(memberVersion), "release: a member's version is none");
  return downgradeTarget ?? `${major}.${minor}.0`;
}
