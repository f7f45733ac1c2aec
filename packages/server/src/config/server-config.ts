/** The settings of one server process, as the flag table defines them. Units stand in the names. */
import type { AuthValues } from "./flags/auth.ts";
import type { CheckValues } from "./flags/checks.ts";
import type { ClusteringValues } from "./flags/clustering.ts";
import type { ConfigurationValues } from "./flags/configuration.ts";
import type { GatewayValues } from "./flags/gateway.ts";
import type { LimitValues } from "./flags/limits.ts";
import type { LoggingValues } from "./flags/logging.ts";
import type { MemberValues } from "./flags/member.ts";
import type { MonitoringValues } from "./flags/monitoring.ts";
import type { RaftValues } from "./flags/raft.ts";
import type { SecurityValues } from "./flags/security.ts";
import type { ServerUrl } from "./server-url.ts";

export type { LogLevel } from "./flags/logging.ts";

/** Every setting, each filled from a flag, the environment, the configuration file or its default. */
export interface FlagValues
  extends MemberValues,
    ClusteringValues,
    RaftValues,
    LimitValues,
    SecurityValues,
    GatewayValues,
    AuthValues,
    CheckValues,
    LoggingValues,
    MonitoringValues,
    ConfigurationValues {}

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
