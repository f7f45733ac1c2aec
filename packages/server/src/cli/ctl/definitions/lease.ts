/** Lease commands. */
import type { CtlCommand } from "../command-tree.ts";

/** lease grant, revoke, timetolive, list, keep-alive. */
export const leaseCommands: readonly CtlCommand[] = [
  {
    words: ["lease", "grant"],
    usage: "<ttl>",
    summary: "Grant a lease of so many seconds.",
    examples: ["lease grant 60"],
    run: async (context) => (await import("../work/lease.ts")).leaseGrant(context),
  },
  {
    words: ["lease", "revoke"],
    usage: "<leaseID>",
    summary: "End a lease and remove its keys.",
    examples: ["lease revoke 32695410dcc0ca06"],
    run: async (context) => (await import("../work/lease.ts")).leaseRevoke(context),
  },
  {
    words: ["lease", "timetolive"],
    usage: "<leaseID> [options]",
    summary: "Print how long a lease lives.",
    examples: ["lease timetolive 32695410dcc0ca06 --keys"],
    flags: [{ name: "keys", kind: "bool", help: "Also print its keys." }],
    run: async (context) => (await import("../work/lease.ts")).leaseTimeToLive(context),
  },
  {
    words: ["lease", "list"],
    usage: "",
    summary: "Print all leases.",
    run: async (context) => (await import("../work/lease.ts")).leaseList(context),
  },
  {
    words: ["lease", "keep-alive"],
    usage: "[options] <leaseID>",
    summary: "Renew a lease again and again, until Ctrl-C.",
    examples: ["lease keep-alive 32695410dcc0ca06", "lease keep-alive --once 32695410dcc0ca06"],
    flags: [{ name: "once", kind: "bool", help: "Renew it once." }],
    run: async (context) => (await import("../work/lease.ts")).leaseKeepAlive(context),
  },
];
