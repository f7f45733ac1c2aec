/** What HTTP endpoints and metrics may ask of the running server. They observe; they never change anything. */

/** One other member, as this one sees it. */
interface PeerStatus {
  readonly id: number;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** Replication as the leader sees it; null on followers. */
  readonly match: number | null;
}

/** A moment of the server. */
export interface ServerStatus {
  readonly id: number;
  readonly clusterId: number;
  readonly name: string;
  readonly role: string;
  /** 0 when none is known. */
  readonly leader: number;
  readonly term: number;
  readonly committed: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  /** Oldest revision that can be read; -1 when history was never compacted. */
  readonly compactRevision: number;
  /** Counts changes of users, roles and rights. */
  readonly authRevision: number;
  /** Bytes that keys and values may take; 0 for no bound. */
  readonly quotaBytes: number;
  readonly dbBytes: number;
  readonly dbBytesInUse: number;
  readonly isLearner: boolean;
  /** ETCD: as `3.7.0`; that of the older version while the cluster goes down to it. */
  readonly clusterVersion: string;
  /** ETCD: the kinds of the alarms that are on, `NOSPACE` or `CORRUPT`. */
  readonly alarms: readonly string[];
  readonly leaderChangeCount: number;
  readonly proposalsPending: number;
  /** The log lost its end to damage and is being repaired. */
  readonly logDamaged: boolean;
  /** Entries that came from the leader for that, since the start. */
  readonly repairedEntryCount: number;
  readonly members: readonly PeerStatus[];
}

/** The running server, seen from outside. */
export interface ServerProbe {
  status(): ServerStatus;
  /** Calls back once: null when this member can serve a linearizable read now, or why not. */
  checkLinearizable(completed: (problem: string | null) => void): void;
  /** Null when this member can read its own store, or why not. */
  checkSerializable(): string | null;
}
