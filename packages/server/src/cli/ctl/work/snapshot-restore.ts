/** `snapshot restore`. */

import { parseInitialCluster } from "../../../config/initial-cluster.ts";
import { readKeys } from "../../../config/key-file.ts";
import type { InitialMember } from "../../../config/server-config.ts";
import { idText } from "../../../identity/member-id.ts";
import { restoreMember } from "../../../snapshot/restore-member.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import type { FlagValues } from "../flags.ts";
import { humanBytes } from "../go-text.ts";
import { Progress } from "../progress.ts";

/** Makes the data directory of one member. */
export async function snapshotRestore({ args, flags, output }: CtlContext): Promise<number> {
  const [file] = args;
  if (file === undefined || args.length !== 1) {
    throw badArguments("snapshot restore requires exactly one argument");
  }
  const name = flags.text("name");
  const dataDir = flags.text("data-dir") === "" ? `${name}.etcd` : flags.text("data-dir");
  const keyFile = flags.text("encryption-key-file");
  const progress = new Progress("restoring");
  const { identity, keyCount, revision } = await restoreMember({
    file,
    dataDir,
    name,
    members: membersOf(flags, name),
    clusterToken: flags.text("initial-cluster-token"),
    skipHashCheck: flags.bool("skip-hash-check"),
    bumpRevision: bumpOf(flags),
    ...(keyFile === "" ? {} : { encryption: readKeys(keyFile) }),
    onProgress: (bytes, total) => progress.show(bytes, total, humanBytes(bytes)),
  }).finally(() => progress.end());
  output.lines([
    `Restored member ${idText(identity.memberId)} of cluster ${idText(identity.clusterId)} in ${dataDir}: ${keyCount} keys at revision ${revision}`,
  ]);
  return ctlExit.ok;
}

/** ETCD: revisions are left out only together with a compaction, or a watch would miss that they are. */
function bumpOf(flags: FlagValues): number {
  const bump = flags.int("bump-revision");
  const marks = flags.bool("mark-compacted");
  if (bump < 0n || bump > BigInt(2 ** 48)) {
    throw badArguments("--bump-revision: needs a number from 0 to 2^48");
  }
  if (bump > 0n && !marks) {
    throw badArguments("--mark-compacted required if --bump-revision > 0");
  }
  if (bump === 0n && marks) {
    throw badArguments("--mark-compacted requires --bump-revision > 0");
  }
  return Number(bump);
}

function membersOf(flags: FlagValues, name: string): readonly InitialMember[] {
  const parsed = parseInitialCluster(flags.text("initial-cluster"));
  if ("problem" in parsed) {
    throw badArguments(`--initial-cluster: ${parsed.problem}`);
  }
  const self = parsed.value.find((member) => member.name === name);
  if (self === undefined) {
    throw badArguments(`--initial-cluster does not have the member "${name}"`);
  }
  const advertised = flags.text("initial-advertise-peer-urls").split(",").toSorted().join(",");
  if (
    advertised !==
    self.peerUrls
      .map(({ text }) => text)
      .toSorted()
      .join(",")
  ) {
    throw badArguments(
      `--initial-cluster has ${name}=${self.peerUrls.map(({ text }) => text).join(",")}, but --initial-advertise-peer-urls is ${flags.text("initial-advertise-peer-urls")}`,
    );
  }
  return parsed.value;
}
