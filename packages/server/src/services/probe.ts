/** What the HTTP pages and metrics see of a running member. */
import { clusterVersionOf, type MembershipPort } from "@quorate/etcd";
import type { KvStateMachine } from "@quorate/kv";
import { etcdVersion } from "../cli/version.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { ServerProbe } from "../http/server-probe.ts";
import type { Replication } from "./replication.ts";

/** The parts that are looked at. */
interface ProbeOptions {
  readonly config: Pick<ServerConfig, "name" | "electionTimeoutMs" | "quotaBackendBytes">;
  readonly machine: KvStateMachine;
  readonly membership: MembershipPort;
  readonly replication: Replication;
}

/** ETCD: 0 stands for its default, below for none. */
function quotaBytesOf(flag: number): number {
  return flag === 0 ? 2 * 2 ** 30 : Math.max(0, flag);
}

/** Makes the probe. */
export function createProbe({ config, machine, membership, replication }: ProbeOptions): ServerProbe {
  // ETCD: a health check waits as long as a request does.
  const checkTimeoutMs = 5000 + 2 * config.electionTimeoutMs;
  return {
    status() {
      const { matchOf, ...state } = replication.observe();
      return {
        ...state,
        clusterId: membership.clusterId,
        clusterVersion: clusterVersionOf(etcdVersion, machine.downgradeTarget),
        alarms: machine.alarms().map(({ alarm }) => (alarm === "no-space" ? "NOSPACE" : "CORRUPT")),
        isLearner: replication.status().isLearner,
        name: config.name,
        revision: machine.revision,
        compactRevision: machine.compactRevision,
        authRevision: machine.auth.revision,
        quotaBytes: quotaBytesOf(config.quotaBackendBytes),
        dbBytes: machine.dbSizeBytes,
        dbBytesInUse: machine.liveBytes,
        members: membership.members().map(({ id, name, peerUrls, clientUrls }) => ({
          id,
          name,
          peerUrls,
          clientUrls,
          match: matchOf(id),
        })),
      };
    },
    checkLinearizable(completed) {
      const timer = setTimeout(() => {
        handle.cancel();
        completed("etcdserver: request timed out");
      }, checkTimeoutMs);
      const handle = replication.readBarrier((outcome) => {
        clearTimeout(timer);
        completed(outcome.kind === "ready" ? null : `etcdserver: ${outcome.reason}`);
      });
    },
    checkSerializable() {
      // The store is in memory: as long as the process answers at all, it can be read.
      return machine.revision > 0 ? null : "store is empty";
    },
  };
}
