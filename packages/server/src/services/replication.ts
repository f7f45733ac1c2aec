/** The start and the end of the replicated log: a Raft node made of the flags, and its troubles as log lines. */

import { assert } from "@quorate/base";
import { clusterVersionOf, type MembershipPort, type ReconfigurationPort } from "@quorate/etcd";
import type { KvResult, KvStateMachine } from "@quorate/kv";
import { type PeerTls, RaftNode, type RaftNodeEvent } from "@quorate/raft-node";
import type { FileSystem } from "@quorate/wal";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { readKeys } from "../config/key-file.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { hostPort, type ServerUrl } from "../config/server-url.ts";
import type { MemberIdentity } from "../identity/data-directory.ts";
import type { Logger } from "../logging/logger.ts";
import { PacedWarnings } from "../logging/paced-warnings.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Fatal } from "../process/fatal.ts";
import { listenFailure } from "../process/listen-failure.ts";
import { observeSyncs } from "../process/observed-file-system.ts";
import { orFailure } from "../tls/failure.ts";
import { type PeerUrlsOf, peerTls } from "../tls/peer-tls.ts";
import { type LogPort, logPort } from "./log-port.ts";
import { addressOf, advertisedUrls, advertisement, membershipPort } from "./membership-port.ts";
import { PeerLinks } from "./peer-links.ts";
import { type PeerPages, servePeerPages } from "./peer-pages.ts";
import { Leadership, logEvent, observeEvent } from "./raft-events.ts";
import { KnownMembers, reconfigurationOf } from "./reconfiguration.ts";
import { snapshotPolicy } from "./snapshot-policy.ts";
import { dataDirectoryFailure } from "./start-failure.ts";

/** What the log is made of. */
interface ReplicationOptions {
  readonly config: ServerConfig;
  readonly identity: MemberIdentity;
  readonly machine: KvStateMachine;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly fatal: Fatal;
  /** The log's own folder. */
  readonly dataDir: string;
  /** Whether it is a new member of a cluster that runs already. */
  readonly joins: boolean;
  /** The etcd version that the API follows. */
  readonly etcdVersion: string;
  readonly wrapFileSystem?: (inner: FileSystem) => FileSystem;
  readonly segmentBytes?: number;
}

/** The port of the API, and what else the server needs of its log. */
export interface Replication extends LogPort {
  readonly membership: MembershipPort;
  readonly reconfiguration: ReconfigurationPort;
  /** Resolves with why, should this member be removed from the cluster; it then takes part no more. */
  readonly removed: Promise<string>;
  /** From now on nothing is sent, proposed or applied; only {@link Replication.stop} may follow. */
  halt(): void;
  /** Hands over leadership unless halted, closes connections and log. */
  stop(): Promise<void>;
}

/** Whether the end was asked for: what fails then is no failure. */
interface Life {
  halted: boolean;
}

/** Opens the log and joins the peers. @throws CommandError when it cannot: what is wrong, and what to do. */
export async function startReplication(options: ReplicationOptions): Promise<Replication> {
  const links = new PeerLinks();
  const leadership = new Leadership();
  const pages: PeerPages = {
    membership: null,
    etcdVersion: options.etcdVersion,
    clusterVersion: () => clusterVersionOf(options.etcdVersion, options.machine.downgradeTarget),
  };
  let wasRemoved: (why: string) => void = () => {};
  const removed = new Promise<string>((resolve) => {
    wasRemoved = resolve;
  });
  const tls = orFailure(() => peerTls(options.config, options.logger, peerUrlsIn(options.identity, pages)));
  const life: Life = { halted: false };
  const paced = new PacedWarnings(options.logger);
  const node = await startNode(options, pages, tls, life, (event) => {
    if (event.type === "retired") {
      wasRemoved("this member was removed from the cluster");
    }
    observeEvent(event, links, leadership);
    if (event.type === "fail-over-ended") {
      options.metrics.failOverEnded(event.outcome);
    }
    logEvent(event, options.logger, paced);
  });
  options.metrics.observeRaft(() => ({
    status: node.status(),
    ...node.logRange,
    transport: node.transportCounters,
    trace: node.traceCounters,
  }));
  const members = new KnownMembers(node);
  const membership = membershipPort(options.identity, options.machine, () => members.view);
  pages.membership = membership;
  return {
    ...logPort(node, options.metrics, links, leadership, members),
    halt() {
      life.halted = true;
      node.halt();
    },
    stop: () => node.stop({ transfer: !life.halted }),
    membership,
    reconfiguration: reconfigurationOf(node, options.identity, links, members),
    removed,
  };
}

async function startNode(
  options: ReplicationOptions,
  pages: PeerPages,
  tls: PeerTls | null,
  life: Life,
  onEvent: (event: RaftNodeEvent) => void,
): Promise<RaftNode<never, KvResult>> {
  const { config, identity, machine, metrics, wrapFileSystem } = options;
  const wrap = (inner: FileSystem): FileSystem =>
    observeSyncs(wrapFileSystem?.(inner) ?? inner, "wal/", (seconds) => metrics.walSynced(seconds));
  const [listenUrl] = config.listenPeerUrls;
  if (listenUrl === undefined) {
    throw new CommandError("--listen-peer-urls: needs at least one URL", exitCode.usage);
  }
  let started = false;
  try {
    const node = await RaftNode.start<never, KvResult>({
      id: identity.memberId,
      cluster: identity.clusterId,
      dataDir: options.dataDir,
      listen: hostPort(listenUrl),
      peers: Object.fromEntries(identity.members.map(({ id, peerUrls }) => [id, recordedAddress(peerUrls)])),
      join: options.joins,
      advertise: advertisement(ownPeerUrls(config, identity)),
      resolveAddress: (_id, text) => dialledAt(text),
      onHttp: servePeerPages(pages),
      ...(tls === null ? {} : { tls }),
      // The API checks changes of the members as etcd does, before they are proposed.
      membership: { strictQuorum: false },
      byteStateMachine: machine,
      tickMs: config.heartbeatIntervalMs,
      core: {
        heartbeatTicks: 1,
        // ETCD: a remainder of the division is dropped.
        electionTimeoutTicks: Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs),
        preVote: config.preVote,
      },
      fastFailover: config.fastFailover && config.preVote,
      limits: { commandBytesMax: config.maxRequestBytes },
      snapshots: snapshotPolicy(config, machine),
      wrapFileSystem: wrap,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      ...(config.encryptionKeyFile === "" ? {} : { encryption: readKeys(config.encryptionKeyFile) }),
      ...(config.trace === "" ? {} : { traceFile: config.trace }),
      onEvent,
      onFatal(error) {
        // What fails while starting is thrown as well, and told with advice.
        if (started && !life.halted) {
          options.fatal(error);
        }
      },
    });
    started = true;
    const { voters } = node.members.confState;
    if (voters.length === 1 && voters[0] === node.id) {
      node.campaign(); // Nobody else can lead, so there is no time-out to wait for.
    }
    return node;
  } catch (error) {
    throw startFailure(error, listenUrl, config.dataDir);
  }
}

/** The log has `host:port`, a member that is not known yet tells its peer URLs. */
function dialledAt(text: string): string {
  return (text.includes("://") ? addressOf(advertisedUrls(text)) : null) ?? text;
}

/** Where this member says that it is reached: the flag, where it is given, else what its directory was made with. */
function ownPeerUrls(config: ServerConfig, { memberId, members }: MemberIdentity): readonly string[] {
  const recorded = members.find(({ id }) => id === memberId)?.peerUrls ?? [];
  const isGiven = config.explicit.has("initialAdvertisePeerUrls") || recorded.length === 0;
  return isGiven ? config.initialAdvertisePeerUrls.map(({ text }) => text) : recorded;
}

/** Where members are reached: as the log tells it, or, where it does not yet, as the data directory does. A joiner's log begins empty. */
function peerUrlsIn(identity: MemberIdentity, pages: PeerPages): PeerUrlsOf {
  return (peer) => {
    const told = pages.membership?.members().find(({ id }) => id === peer)?.peerUrls ?? [];
    return told.length > 0 ? told : (identity.members.find(({ id }) => id === peer)?.peerUrls ?? []);
  };
}

function startFailure(error: unknown, listenUrl: ServerUrl, dataDir: string): unknown {
  const syscall = error instanceof Error && "syscall" in error ? error.syscall : undefined;
  return syscall === "listen" || syscall === "getaddrinfo"
    ? listenFailure("--listen-peer-urls", listenUrl.text, error)
    : (dataDirectoryFailure(dataDir, error) ?? error);
}

function recordedAddress(peerUrls: readonly string[]): string {
  const address = addressOf(peerUrls);
  assert(address !== null, "replication: a recorded peer URL does not parse");
  return address;
}
