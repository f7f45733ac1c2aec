/** The settings of one server process, as the flag table defines them. Units stand in the names. */
import type { ServerUrl } from "./server-url.ts";

/** Every setting, each filled from a flag, the environment, the configuration file or its default. */
export interface FlagValues {
  readonly configFile: string;
  readonly name: string;
  /** Empty: `<name>.etcd` beside the working directory, as etcd does. */
  readonly dataDir: string;
  readonly listenClientUrls: readonly ServerUrl[];
  readonly advertiseClientUrls: readonly ServerUrl[];
  readonly listenPeerUrls: readonly ServerUrl[];
  readonly initialAdvertisePeerUrls: readonly ServerUrl[];
  /** `name=url,name=url,…`; empty: this member alone. */
  readonly initialCluster: string;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  readonly strictReconfigCheck: "true" | "false";
  readonly maxLearners: number;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly fastFailover: "true" | "false";
  /** Applied entries between two snapshots; 0: by size. */
  readonly snapshotCount: number;
  /** 0: the default of 2 GiB; negative: no quota. */
  readonly quotaBackendBytes: number;
  readonly autoCompactionMode: "periodic" | "revision";
  /** ETCD: revisions; or a time, whole hours when it has no unit. 0: nothing is compacted by itself. */
  readonly autoCompactionRetention: string;
  readonly watchProgressNotifyIntervalMs: number;
  /** Names of those that are on. */
  readonly featureGates: readonly FeatureGate[];
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  /** Empty: what is stored is not encrypted. */
  readonly encryptionKeyFile: string;
  /** Empty: no trace. */
  readonly trace: string;
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "console";
  readonly logOutputs: readonly string[];
}

/** ETCD: what can be switched on by `--feature-gates` and is off by default. */
type FeatureGate = "LeaseCheckpoint";

/** ETCD: the words of zap. `panic` and `fatal` leave only what ends the process. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** One member of the cluster as it is first formed. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly ServerUrl[];
}

/** {@link FlagValues} with the defaults that depend on other flags filled in, checked as a whole. */
export interface ServerConfig extends Omit<FlagValues, "configFile" | "initialCluster"> {
  readonly initialCluster: readonly InitialMember[];
  /** Flags somebody set, by any source; an existing data directory is only compared with these. */
  readonly explicit: ReadonlySet<keyof FlagValues>;
}
