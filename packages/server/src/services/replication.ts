/** The replicated log behind the API's port: a Raft node, what it tells of itself, and its troubles as log lines. */

import { assert } from "@quorate/base";
import type { CancelHandle, LeaderPort, ReplicationPort, ReplicationStatus } from "@quorate/etcd";
import type { KvResult, KvStateMachine } from "@quorate/kv";
import { RaftNode, type RaftNodeEvent } from "@quorate/raft-node";
import type { FileSystem } from "@quorate/wal";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { readKeys } from "../config/key-file.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { hostPort, parseServerUrl, type ServerUrl } from "../config/server-url.ts";
import type { ServerStatus } from "../http/server-probe.ts";
import type { MemberIdentity } from "../identity/data-directory.ts";
import type { Logger } from "../logging/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Fatal } from "../process/fatal.ts";
import { listenFailure } from "../process/listen-failure.ts";
import { observeSyncs } from "../process/observed-file-system.ts";
import { readRefusals, submitOutcome } from "./outcomes.ts";
import { PeerLinks } from "./peer-links.ts";
import { Leadership, logEvent, observeEvent } from "./raft-events.ts";
import { dataDirectoryFailure } from "./start-failure.ts";

/** What one member's API asks that of the leader. The number stands on the wire. */
const questionChannel = 16;

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
  readonly wrapFileSystem?: (inner: FileSystem) => FileSystem;
}

/** The part of {@link ServerStatus} that the log knows. */
type ReplicationView = Pick<
  ServerStatus,
  | "id"
  | "role"
  | "leader"
  | "term"
  | "committed"
  | "applied"
  | "firstIndex"
  | "lastIndex"
  | "leaderChangeCount"
  | "logDamaged"
  | "repairedEntryCount"
  | "proposalsPending"
> & { matchOf(id: number): number | null };

/** The port of the API, and what else the server needs of its log. */
export interface Replication extends ReplicationPort, LeaderPort {
  observe(): ReplicationView;
  /** Calls `listener`, in a turn of its own, when a leader was found or lost. */
  onLeaderChange(listener: () => void): void;
  /** Whom the leader asks when another member's API has a question; called once, before there can be one. */
  answerMembers(answer: (question: Uint8Array, done: (answer: Uint8Array) => void) => void): void;
  /** Hands over leadership, closes connections and log. */
  stop(): Promise<void>;
}

/** Opens the log and joins the peers. @throws CommandError when it cannot: what is wrong, and what to do. */
export async function startReplication(options: ReplicationOptions): Promise<Replication> {
  const links = new PeerLinks();
  const leadership = new Leadership();
  const node = await startNode(options, (event) => {
    observeEvent(event, links, leadership);
    if (event.type === "fail-over-ended") {
      options.metrics.failOverEnded(event.outcome);
    }
    logEvent(event, options.logger);
  });
  options.metrics.observeRaft(() => ({
    status: node.status(),
    ...node.logRange,
    transport: node.transportCounters,
    trace: node.traceCounters,
  }));
  return portOf(node, options, links, leadership);
}

async function startNode(
  options: ReplicationOptions,
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
      peers: Object.fromEntries(identity.members.map(({ id, peerUrls }) => [id, addressOf(peerUrls)])),
      byteStateMachine: machine,
      tickMs: config.heartbeatIntervalMs,
      core: {
        heartbeatTicks: 1,
        // ETCD: a remainder of the division is dropped.
        electionTimeoutTicks: Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs),
      },
      fastFailover: config.fastFailover === "true",
      limits: { commandBytesMax: config.maxRequestBytes },
      snapshots: {
        liveBytes: () => machine.liveBytes,
        ...(config.snapshotCount === 0
          ? {}
          : {
              entryCountMax: config.snapshotCount,
              trailingEntryCount: Math.min(5000, config.snapshotCount),
            }),
      },
      wrapFileSystem: wrap,
      ...(config.encryptionKeyFile === "" ? {} : { encryption: readKeys(config.encryptionKeyFile) }),
      ...(config.trace === "" ? {} : { traceFile: config.trace }),
      onEvent,
      onFatal(error) {
        // What fails while starting is thrown as well, and told with advice.
        if (started) {
          options.fatal(error);
        }
      },
    });
    started = true;
    if (identity.members.length === 1) {
      node.campaign(); // Nobody else can lead, so there is no time-out to wait for.
    }
    return node;
  } catch (error) {
    throw startFailure(error, listenUrl, config.dataDir);
  }
}

function startFailure(error: unknown, listenUrl: ServerUrl, dataDir: string): unknown {
  const syscall = error instanceof Error && "syscall" in error ? error.syscall : undefined;
  return syscall === "listen" || syscall === "getaddrinfo"
    ? listenFailure("--listen-peer-urls", listenUrl.text, error)
    : (dataDirectoryFailure(dataDir, error) ?? error);
}

/** Where peers dial a member: the first of its URLs. */
function addressOf(peerUrls: readonly string[]): string {
  const parsed = parseServerUrl(peerUrls[0] ?? "");
  assert("value" in parsed, "replication: a recorded peer URL does not parse");
  return hostPort(parsed.value);
}

function portOf(
  node: RaftNode<never, KvResult>,
  options: ReplicationOptions,
  links: PeerLinks,
  leadership: Leadership,
): Replication {
  const { identity, metrics } = options;
  const counts = { pending: 0 };
  const status = liveStatus(node, Math.floor(identity.members.length / 2), links, leadership);
  return {
    status: () => status,
    submit(command, done): CancelHandle {
      counts.pending += 1;
      const waiting = node.submit(command, (outcome) => {
        counts.pending -= 1;
        if (outcome.kind !== "applied") {
          metrics.proposalFailed();
        }
        done(submitOutcome(outcome));
      });
      return { cancel: () => waiting.abandon() };
    },
    readBarrier(done): CancelHandle {
      let cancelled = false;
      const waiting = node.readBarrier((outcome) => {
        if (!cancelled) {
          done(
            outcome.kind === "ready"
              ? { kind: "ready" }
              : { kind: "refused", reason: readRefusals[outcome.reason], leader: outcome.leader },
          );
        }
      });
      return {
        cancel() {
          cancelled = true;
          waiting.abandon();
        },
      };
    },
    observe: () => observeNode(node, leadership.changeCount, counts.pending),
    onLeaderChange(listener) {
      node.subscribe((event) => {
        if (event.type === "leader") {
          setImmediate(listener);
        }
      });
    },
    askLeader(question, done) {
      node.requestLeader(questionChannel, question, (outcome) => {
        done(outcome.kind === "answered" ? outcome.bytes : null);
      });
    },
    answerMembers: (answer) =>
      node.onRequest(questionChannel, (_from, question, done) => answer(question, done)),
    stop: () => node.stop(),
  };
}

/** PERF: asked several times for each request, so it is one object that looks at the node when it is read. */
function liveStatus(
  node: RaftNode<never, KvResult>,
  otherVoterCount: number,
  links: PeerLinks,
  leadership: Leadership,
): ReplicationStatus {
  return {
    memberId: node.id,
    isLearner: false,
    get term() {
      return node.term;
    },
    get leader() {
      return node.leader;
    },
    get committed() {
      return node.committed;
    },
    get applied() {
      return node.applied;
    },
    get leaderSinceMs() {
      return leadership.leaderSinceMs;
    },
    get connectedSinceMs() {
      return node.isLeader ? links.sinceCount(otherVoterCount) : links.sinceOf(node.leader);
    },
  };
}

function observeNode(
  node: RaftNode<never, KvResult>,
  leaderChangeCount: number,
  proposalsPending: number,
): ReplicationView {
  const { applied, counters, hardState, leader, progress, role, voteFloor } = node.status();
  return {
    id: node.id,
    role,
    leader,
    term: hardState.term,
    committed: hardState.commit,
    applied,
    ...node.logRange,
    leaderChangeCount,
    proposalsPending,
    logDamaged: voteFloor !== null,
    repairedEntryCount: counters.entriesRepaired,
    matchOf: (id) => progress.find((member) => member.id === id)?.match ?? null,
  };
}
