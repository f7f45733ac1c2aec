/** The replicated log behind the API's port: a Raft node, what it tells of itself, and its troubles as log lines. */

import { assert } from "@quorate/base";
import {
  type CancelHandle,
  clusterVersionOf,
  type LeaderPort,
  type MembershipPort,
  type ReconfigurationPort,
  type ReplicationPort,
  type ReplicationStatus,
} from "@quorate/etcd";
import type { KvResult, KvStateMachine } from "@quorate/kv";
import type { Waiting } from "@quorate/raft";
import { type MembersView, type PeerTls, RaftNode, type RaftNodeEvent } from "@quorate/raft-node";
import type { FileSystem } from "@quorate/wal";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { readKeys } from "../config/key-file.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { hostPort, type ServerUrl } from "../config/server-url.ts";
import type { LeaderRequests } from "../corruption/corruption-check.ts";
import type { ServerStatus } from "../http/server-probe.ts";
import type { MemberIdentity } from "../identity/data-directory.ts";
import { memberIdOf } from "../identity/member-id.ts";
import type { Logger } from "../logging/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Fatal } from "../process/fatal.ts";
import { listenFailure } from "../process/listen-failure.ts";
import { observeSyncs } from "../process/observed-file-system.ts";
import { orFailure } from "../tls/failure.ts";
import { type PeerUrlsOf, peerTls } from "../tls/peer-tls.ts";
import {
  addressOf,
  advertisedUrls,
  advertisement,
  changeFailure,
  changeStep,
  membershipPort,
} from "./membership-port.ts";
import { readRefusals, submitOutcome } from "./outcomes.ts";
import { PeerLinks } from "./peer-links.ts";
import { type PeerPages, servePeerPages } from "./peer-pages.ts";
import { Leadership, logEvent, observeEvent } from "./raft-events.ts";
import { snapshotPolicy } from "./snapshot-policy.ts";
import { dataDirectoryFailure } from "./start-failure.ts";

/** What one member's API asks that of the leader. The numbers stand on the wire. */
const questionChannel = 16;
/** What members say to the leader about the hashes of their histories. */
const hashChannel = 17;

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
  readonly membership: MembershipPort;
  readonly reconfiguration: ReconfigurationPort;
  /** Resolves with why, should this member be removed from the cluster; it then takes part no more. */
  readonly removed: Promise<string>;
  observe(): ReplicationView;
  /** Calls `listener`, in a turn of its own, when a leader was found or lost. */
  onLeaderChange(listener: () => void): void;
  /** Whom the leader asks when another member's API has a question; called once, before there can be one. */
  answerMembers(answer: (question: Uint8Array, done: (answer: Uint8Array) => void) => void): void;
  /** How members and leader talk about the hashes of their histories. */
  readonly hashRequests: LeaderRequests;
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
  const node = await startNode(options, pages, tls, life, (event) => {
    if (event.type === "retired") {
      wasRemoved("this member was removed from the cluster");
    }
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
  const members = new KnownMembers(node);
  const membership = membershipPort(options.identity, options.machine, () => members.view);
  pages.membership = membership;
  return {
    ...portOf(node, options, links, leadership, members),
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

/** PERF: the members change seldom and are asked for with each request, so they are looked up when they change. */
class KnownMembers {
  readonly #node: RaftNode<never, KvResult>;
  view: MembersView;

  constructor(node: RaftNode<never, KvResult>) {
    this.#node = node;
    this.view = node.members;
    node.subscribe((event) => {
      if (
        event.type === "conf-state" ||
        event.type === "snapshot-installed" ||
        event.type === "member-promoted"
      ) {
        this.refresh();
      }
    });
  }

  /** Looks them up now. */
  refresh(): void {
    this.view = this.#node.members;
  }

  isLearner(id: number): boolean {
    const learners: readonly number[] = this.view.confState.learners;
    return learners.includes(id);
  }

  /** Voters beside this member of which a majority needs that many. */
  get otherVoterCount(): number {
    return Math.floor(this.view.confState.voters.length / 2);
  }
}

function reconfigurationOf(
  node: RaftNode<never, KvResult>,
  identity: MemberIdentity,
  links: PeerLinks,
  members: KnownMembers,
): ReconfigurationPort {
  return {
    get confIndex() {
      return members.view.confIndex;
    },
    newMemberId: (peerUrls) => memberIdOf(peerUrls, identity.clusterToken, Math.floor(Date.now() / 1000)),
    connectedSinceMs: (id) => links.sinceOf(id),
    progress() {
      return node.isLeader ? new Map(node.status().progress.map(({ id, match }) => [id, match])) : null;
    },
    moveLeader(target, done): CancelHandle {
      const waiting = new AbortController();
      node.transferLeadership(target, { signal: waiting.signal }).then(
        (leader) => done(leader === target),
        // Refused or too late: either way the target does not lead, and the client is told so.
        () => done(false),
      );
      return { cancel: () => waiting.abort() };
    },
    change(step, confIndex, done): CancelHandle {
      const change = changeStep(step);
      if (change === null) {
        done({ kind: "refused", reason: "invalid" });
        return { cancel: () => {} };
      }
      const waiting = new AbortController();
      node
        .changeMembers([change], { expectedConfIndex: confIndex, signal: waiting.signal })
        .then(
          () => {
            members.refresh();
            return { kind: "applied" } as const;
          },
          (error: unknown) => (waiting.signal.aborted ? null : changeFailure(error)),
        )
        .then((outcome) => outcome !== null && done(outcome));
      return { cancel: () => waiting.abort() };
    },
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

function portOf(
  node: RaftNode<never, KvResult>,
  options: ReplicationOptions,
  links: PeerLinks,
  leadership: Leadership,
  members: KnownMembers,
): Omit<Replication, "halt" | "membership" | "reconfiguration" | "removed" | "stop"> {
  const { metrics } = options;
  const counts = { pending: 0 };
  const status = liveStatus(node, members, links, leadership);
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
      return new Abandoning(waiting);
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
    hashRequests: {
      ask(question, done) {
        node.requestLeader(hashChannel, question, (outcome) => {
          done(outcome.kind === "answered" ? outcome.bytes : null);
        });
      },
      answer: (handler) => node.onRequest(hashChannel, handler),
    },
  };
}

/** PERF: a class, because each write makes one: an object literal would make a closure, too. */
class Abandoning implements CancelHandle {
  readonly #waiting: Waiting;

  constructor(waiting: Waiting) {
    this.#waiting = waiting;
  }

  cancel(): void {
    this.#waiting.abandon();
  }
}

/** PERF: asked several times for each request, so it is one object that looks at the node when it is read. */
function liveStatus(
  node: RaftNode<never, KvResult>,
  members: KnownMembers,
  links: PeerLinks,
  leadership: Leadership,
): ReplicationStatus {
  return {
    memberId: node.id,
    get isLearner() {
      return members.isLearner(node.id);
    },
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
      return node.isLeader ? links.sinceCount(members.otherVoterCount) : links.sinceOf(node.leader);
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
