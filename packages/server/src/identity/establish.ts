/** Who this member is: by its data directory where it has one, else by the bootstrap flags. */
import { join } from "node:path";
import { finishRecovery } from "@quorate/raft-node";
import type { InitialMember, ServerConfig } from "../config/server-config.ts";
import {
  DataDirectoryError,
  type MemberIdentity,
  prepareDirectory,
  readIdentity,
  storeFolder,
} from "./data-directory.ts";
import { joinedIdentity, type RunningCluster } from "./join-cluster.ts";
import { clusterIdOf, idText, memberIdOf } from "./member-id.ts";

/** An identity, and lines for the log where flags say something else. */
export interface Established {
  readonly identity: MemberIdentity;
  /** Whether the directory does not yet say so; `writeIdentity` it once the log exists. */
  readonly created: boolean;
  /** Whether it is a new member of a cluster that runs already. */
  readonly joins: boolean;
  readonly warnings: readonly string[];
}

/**
 * Reads the identity of the data directory, or makes the one that the flags describe.
 *
 * @throws {@link DataDirectoryError} when the directory is damaged, not usable, or belongs to somebody else.
 */
export function establishIdentity(config: ServerConfig, running: RunningCluster | null = null): Established {
  carryRecoveryThrough(config.dataDir);
  const recorded = readIdentity(config.dataDir);
  if (recorded !== null) {
    return { identity: recorded, created: false, joins: false, warnings: compare(recorded, config) };
  }
  if (config.initialClusterState === "existing") {
    if (running === null) {
      throw new DataDirectoryError(
        `data directory ${config.dataDir} is empty, and --initial-cluster-state existing asks to join a cluster, but no member that --initial-cluster names answers`,
      );
    }
    const identity = joinedIdentity(config, running);
    prepareDirectory(config.dataDir);
    return { identity, created: true, joins: true, warnings: [] };
  }
  const identity = identityOf(config);
  prepareDirectory(config.dataDir);
  return { identity, created: true, joins: false, warnings: [] };
}

/** A recovery that was decided and then interrupted says who this member is. */
function carryRecoveryThrough(dataDir: string): void {
  try {
    finishRecovery(join(dataDir, storeFolder));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DataDirectoryError(
      `data directory ${dataDir} holds a recovery that was interrupted and cannot be carried through: ${why}`,
      { cause: error },
    );
  }
}

/** The identity that bootstrap flags describe. */
function identityOf(
  config: Pick<ServerConfig, "name" | "initialCluster" | "initialClusterToken">,
): MemberIdentity {
  const members = config.initialCluster
    .map((member) => recordOf(member, config.initialClusterToken))
    .toSorted((left, right) => left.id - right.id);
  const self = members.find((member) => member.name === config.name);
  if (self === undefined) {
    throw new DataDirectoryError(`--initial-cluster does not have the member "${config.name}"`);
  }
  return {
    memberId: self.id,
    clusterId: clusterIdOf(members.map((member) => member.id)),
    clusterToken: config.initialClusterToken,
    members,
  };
}

function recordOf(
  member: InitialMember,
  token: string,
): MemberIdentity["members"][number] & { id: ReturnType<typeof memberIdOf> } {
  const peerUrls = member.peerUrls.map((url) => url.text);
  return { id: memberIdOf(peerUrls, token), name: member.name, peerUrls };
}

/** Refuses what can only be a mix-up, warns of the rest. Only flags that somebody set count. */
function compare(recorded: MemberIdentity, config: ServerConfig): string[] {
  const { dataDir, explicit } = config;
  if (explicit.has("initialClusterToken") && config.initialClusterToken !== recorded.clusterToken) {
    throw new DataDirectoryError(
      `data directory ${dataDir} belongs to the cluster with token "${recorded.clusterToken}", not "${config.initialClusterToken}": correct --initial-cluster-token or --data-dir`,
    );
  }
  const self = recorded.members.find((member) => member.id === recorded.memberId);
  const other = recorded.members.find((member) => member.name === config.name && member !== self);
  if (explicit.has("name") && other !== undefined && self !== undefined) {
    throw new DataDirectoryError(
      `data directory ${dataDir} belongs to member "${self.name}", not to "${config.name}" of the same cluster: correct --name or --data-dir`,
    );
  }
  if (!explicit.has("initialCluster")) {
    return [];
  }
  const described = identityOf({ ...config, initialClusterToken: recorded.clusterToken });
  return sameMembers(described, recorded)
    ? []
    : [
        `--initial-cluster describes member ${idText(described.memberId)} of cluster ${idText(described.clusterId)}; the data directory goes before it: member ${idText(recorded.memberId)} of cluster ${idText(recorded.clusterId)}`,
      ];
}

/** By peer URLs: ids of a restored cluster are made of more than those. */
function sameMembers(left: MemberIdentity, right: MemberIdentity): boolean {
  const urlsOf = ({ memberId, members }: MemberIdentity): string =>
    members
      .map(({ id, peerUrls }) => `${id === memberId ? "self " : ""}${peerUrls.toSorted().join(",")}`)
      .toSorted()
      .join(" ");
  return urlsOf(left) === urlsOf(right);
}
