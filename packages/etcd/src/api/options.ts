/** Ports and settings of the API, as an embedding gives them. */
import type {
  AuthEvent,
  ClockPort,
  DeferPort,
  DigestPort,
  LeaderPort,
  MembershipPort,
  PasswordPort,
  RandomPort,
  ReconfigurationPort,
  ReplicationPort,
  SignedTokenPort,
  StorePort,
} from "../ports.ts";
import type { ApiLimits } from "./limits.ts";

/** Ports and settings of the API. */
export interface ApiOptions {
  readonly replication: ReplicationPort;
  readonly store: StorePort;
  readonly membership: MembershipPort;
  readonly defer: DeferPort;
  readonly random: RandomPort;
  /** Without it, a majority confirms each keep-alive of a lease. */
  readonly clock?: ClockPort;
  /** Begins a SHA-256. Without it, snapshots are refused by name. */
  readonly createDigest?: () => DigestPort;
  /** Without it, changes of the members are refused by name. */
  readonly reconfiguration?: ReconfigurationPort;
  /** Without it, only the leader itself answers what concerns the time of leases. */
  readonly leaderPort?: LeaderPort;
  /** Without it, users with passwords are refused by name. */
  readonly passwords?: PasswordPort;
  /** Without it, tokens are random, and known to every member. */
  readonly signedTokens?: SignedTokenPort;
  readonly onAuthEvent?: (event: AuthEvent) => void;
  /** A request of a client that says for which version of the API it was made, or with null does not. PERF: called for each. */
  readonly onClientRequest?: (path: string, apiVersion: string | null) => void;
  readonly limits: ApiLimits;
  /** What Maintenance.Status says of the server. */
  readonly about: {
    /** ETCD: clients look at it to learn what the server can do. */
    readonly version: string;
    readonly storageVersion: string;
    /** Bytes the state may take; 0 for etcd's default, negative for no bound. */
    readonly quotaBytes: number;
  };
  /** The time at creation, on the clock of `tick`. */
  readonly nowMs: number;
}
