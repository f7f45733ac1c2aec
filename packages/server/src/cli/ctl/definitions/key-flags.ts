/** Flags of get, put and del: of the commands, and of the lines of a transaction. */
import type { CtlFlag } from "../flags.ts";

const fromKey = (what: string): CtlFlag => ({
  name: "from-key",
  kind: "bool",
  help: `${what} all keys from the given one on, by bytes.`,
});

/** Flags of put. */
export const putFlags: readonly CtlFlag[] = [
  { name: "lease", kind: "string", preset: "0", help: "Lease to attach the key to, in hexadecimal." },
  { name: "prev-kv", kind: "bool", help: "Also print what the key was before." },
  { name: "ignore-value", kind: "bool", help: "Keep the value that the key has." },
  { name: "ignore-lease", kind: "bool", help: "Keep the lease that the key has." },
];

/** Flags of get. */
export const getFlags: readonly CtlFlag[] = [
  { name: "prefix", kind: "bool", help: "Read all keys that begin with the given one." },
  fromKey("Read"),
  { name: "limit", kind: "int", help: "Most keys to print." },
  { name: "rev", kind: "int", help: "Read as of this revision." },
  { name: "order", kind: "string", help: "ASCEND or DESCEND." },
  { name: "sort-by", kind: "string", help: "CREATE, KEY, MODIFY, VALUE or VERSION." },
  {
    name: "consistency",
    kind: "string",
    preset: "l",
    help: "l: linearizable. s: what one member has, maybe stale.",
  },
  { name: "keys-only", kind: "bool", help: "Do not read values." },
  { name: "count-only", kind: "bool", help: "Only count; with --write-out=fields." },
  { name: "print-value-only", kind: "bool", help: "Only print values; with --write-out=simple." },
  { name: "min-mod-rev", kind: "int", help: "Lowest revision of the last change." },
  { name: "max-mod-rev", kind: "int", help: "Highest revision of the last change." },
  { name: "min-create-rev", kind: "int", help: "Lowest revision of the creation." },
  { name: "max-create-rev", kind: "int", help: "Highest revision of the creation." },
  { name: "stream", kind: "bool", help: "Read in chunks, by the method RangeStream." },
];

/** Flags of del. */
export const delFlags: readonly CtlFlag[] = [
  { name: "prefix", kind: "bool", help: "Remove all keys that begin with the given one." },
  fromKey("Remove"),
  { name: "prev-kv", kind: "bool", help: "Also print what was removed." },
  {
    name: "range",
    kind: "bool",
    help: "Remove the range of two arguments without the two seconds of grace.",
  },
];

/** The flags that a line of a transaction may use, by command. */
export const txnLineFlags: Readonly<Record<"get" | "put" | "del", readonly CtlFlag[]>> = {
  get: getFlags,
  put: putFlags,
  del: delFlags,
};
