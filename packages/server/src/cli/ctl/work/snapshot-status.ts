/** `snapshot status`. */

import { idText } from "../../../identity/member-id.ts";
import { openSnapshot } from "../../../snapshot/open-snapshot.ts";
import { CommandError } from "../../exit-code.ts";
import { etcdVersion } from "../../version.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import { humanBytes } from "../go-text.ts";

/** Checks a file, and prints what it holds. */
export function snapshotStatus({ args, flags, output }: CtlContext): Promise<number> {
  const [file] = args;
  if (file === undefined || args.length !== 1) {
    throw badArguments("snapshot status requires exactly one argument");
  }
  const { clusterId, fileBytes, machine } = openSnapshot(file);
  const hashed = machine.hashKv();
  const found = machine.range({ ...everything, countOnly: true });
  if (hashed.type === "refused" || found.type === "refused") {
    throw new CommandError(`${file} cannot be looked through`);
  }
  const facts = {
    hash: hashed.hash,
    revision: machine.revision,
    totalKey: found.count,
    totalSize: fileBytes,
    version: etcdVersion,
  };
  if (flags.bool("json")) {
    const more = {
      compactRevision: machine.compactRevision,
      ...(clusterId === null ? {} : { clusterId: idText(clusterId) }),
      appliedIndex: machine.appliedIndex,
      appliedTerm: machine.appliedTerm,
    };
    output.lines([JSON.stringify({ ...facts, ...more })]);
    return Promise.resolve(ctlExit.ok);
  }
  const row = [
    facts.hash.toString(16),
    String(facts.revision),
    String(facts.totalKey),
    humanBytes(fileBytes),
    facts.version,
  ];
  output.print({
    simple: () => [row.join(", ")],
    json: () => JSON.stringify(facts),
    table: () => ({ head: ["Hash", "Revision", "Total Keys", "Total Size", "Version"], rows: [row] }),
    fields: () => [
      `"Hash" : ${facts.hash}`,
      `"Revision" : ${facts.revision}`,
      `"Keys" : ${facts.totalKey}`,
      `"Size" : ${facts.totalSize}`,
      `"Version" : ${facts.version}`,
    ],
  });
  return Promise.resolve(ctlExit.ok);
}

const everything = {
  type: "range",
  key: Uint8Array.of(0),
  rangeEnd: Uint8Array.of(0),
  limit: 0,
  revision: 0,
  sortOrder: "none",
  sortTarget: "key",
  serializable: true,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const;
