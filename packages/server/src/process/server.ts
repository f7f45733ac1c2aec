/**
 * One member: its parts in the order in which they start, and the reverse in which they stop. What serves clients starts
 * last and stops first.
 */
import { createHash, randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ApiOptions, apiLimitsDefault, EtcdApi } from "@quorate/etcd";
import { KvStateMachine } from "@quorate/kv";
import type { FileSystem } from "@quorate/wal";
import { type Access, createAccess } from "../auth/access.ts";
import { etcdVersion } from "../cli/version.ts";
import { compactionPolicy } from "../config/compaction-policy.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { CorruptionCheck } from "../corruption/corruption-check.ts";
import { checkBeforeServing } from "../corruption/initial-check.ts";
import { createRouter } from "../http/router.ts";
import { type MemberIdentity, storeFolder, writeIdentity } from "../identity/data-directory.ts";
import type { Logger } from "../logging/logger.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createProbe } from "../services/probe.ts";
import { type Replication, startReplication } from "../services/replication.ts";
import { clientTls } from "../tls/client-tls.ts";
import { orFailure } from "../tls/failure.ts";
import { type ClientPorts, createClientPorts } from "./client-ports.ts";
import type { Fatal } from "./fatal.ts";
import { publishMember } from "./publish.ts";
import { startSweeping } from "./sweep.ts";

/** What a member is made of. */
export interface ServerOptions {
  readonly config: ServerConfig;
  readonly identity: MemberIdentity;
  /** Whether the data directory does not name its member yet. */
  readonly created: boolean;
  /** Whether it is a new member of a cluster that runs already. */
  readonly joins: boolean;
  readonly logger: Logger;
  readonly fatal: Fatal;
  /** Wraps the file system under the log; only tests do. */
  readonly wrapFileSystem?: (inner: FileSystem) => FileSystem;
  /** Length of a segment of the log; only tests make it small, for then it is there sooner. */
  readonly segmentBytes?: number;
}

/** A member that serves, or will as soon as it has a leader. */
export interface QuorateServer {
  /** Resolves when this member has a leader, has caught up with it, and serves. */
  readonly ready: Promise<void>;
  /** Resolves with why, should this member be removed from the cluster. */
  readonly removed: Promise<string>;
  /** Whether this member leads. */
  readonly isLeader: boolean;
  /** Hands over leadership, finishes what runs, says goodbye, closes the log. */
  stop(): Promise<void>;
  /** Ends as a crash would, but for the process: sends nothing and writes nothing from now on, and lets go of ports and files. */
  kill(): Promise<void>;
}

// When the server stops: how long calls may go on that wait for nothing but the log, and how long any call may.
const drainMs = 1000;
const closeGraceMs = 5000;
// The clock of request timeouts; they are seconds.
const tickMs = 50;

/** Starts a member. @throws {@link CommandError} when it cannot: what is wrong, and what to do. */
export async function startServer(options: ServerOptions): Promise<QuorateServer> {
  const { config, identity, logger, fatal } = options;
  const tls = orFailure(() => clientTls(config, logger));
  const machine = new KvStateMachine({ hashSeed: randomInt(2 ** 32) });
  const metrics = createMetrics(etcdVersion);
  const access = await createAccess(config, logger, fatal);
  const replication = await startReplication({
    config,
    identity,
    machine,
    metrics,
    logger,
    fatal,
    joins: options.joins,
    etcdVersion,
    dataDir: join(config.dataDir, storeFolder),
    ...(options.wrapFileSystem === undefined ? {} : { wrapFileSystem: options.wrapFileSystem }),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
  if (options.created) {
    writeIdentity(config.dataDir, identity);
  }
  const { membership } = replication;
  const probe = createProbe({ config, machine, membership, replication });
  metrics.observe(probe);
  const api = new EtcdApi({
    ...apiOptions(config, machine, replication, access),
    onClientRequest: metrics.clientRequested,
  });
  replication.answerMembers((question, done) => api.answerMember(question, done));
  const check = corruptionCheck(config, machine, replication, api, logger);
  const router = createRouter({ probe, metrics, etcdVersion });
  const ports = createClientPorts({
    config,
    methods: api.methods,
    router,
    certificatesAreIdentities: () => config.clientCertAuth && machine.auth.enabled,
    tls,
    metrics,
    logger,
    fatal,
  });
  try {
    if (config.featureGates.includes("InitialCorruptCheck")) {
      await checkBeforeServing(check, logger);
    }
    await ports.listen();
  } catch (error) {
    await access.stop();
    await replication.stop();
    throw error;
  }
  const stopSweeping = startSweeping(machine, {
    recordCount: config.compactionBatchLimit,
    restMs: config.compactionSleepIntervalMs,
  });
  check.start();
  replication.onLeaderChange(() => api.leaderMayHaveChanged());
  const clock = setInterval(() => api.tick(performance.now()), tickMs);
  let stopPublishing: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    stopPublishing = publishMember(replication, publishedBy(config, identity), resolve);
  });
  const stopOwnWork = (): void => {
    stopPublishing();
    stopSweeping();
    check.stop();
  };
  return {
    ready,
    removed: replication.removed,
    get isLeader() {
      const { leader, memberId } = replication.status();
      return leader === memberId;
    },
    async stop() {
      stopOwnWork();
      await closeClients(ports, api);
      clearInterval(clock);
      await access.stop();
      await replication.stop();
    },
    async kill() {
      stopOwnWork();
      clearInterval(clock);
      replication.halt();
      await ports.close(0);
      api.stop();
      await access.stop();
      await replication.stop();
    },
  };
}

function corruptionCheck(
  config: ServerConfig,
  machine: KvStateMachine,
  replication: Replication,
  api: EtcdApi,
  logger: Logger,
): CorruptionCheck {
  return new CorruptionCheck({
    machine,
    replication,
    membership: replication.membership,
    requests: replication.hashRequests,
    raiseCorrupt: (memberId) => api.raiseCorrupt(memberId),
    logger,
    periodMs: config.corruptCheckTimeMs,
    compactPeriodMs: config.featureGates.includes("CompactHashCheck") ? config.compactHashCheckTimeMs : 0,
  });
}

/** Says goodbye to clients; what runs may finish, what only waits is told to go elsewhere. */
async function closeClients(ports: ClientPorts, api: EtcdApi): Promise<void> {
  const closed = ports.close(closeGraceMs);
  const drain = new AbortController();
  const drained = delay(drainMs, undefined, { signal: drain.signal }).catch(() => undefined);
  await Promise.race([closed, drained]);
  drain.abort();
  api.stop();
  await closed;
}

function apiOptions(
  config: ServerConfig,
  machine: KvStateMachine,
  replication: Replication,
  access: Access,
): ApiOptions {
  return {
    replication,
    leaderPort: replication,
    store: machine,
    membership: replication.membership,
    reconfiguration: replication.reconfiguration,
    defer: {
      defer: (work) => void setImmediate(work),
      after: (delayMs, work) => void setTimeout(work, delayMs).unref(),
    },
    createDigest() {
      const hash = createHash("sha256");
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    },
    clock: { nowMs: () => performance.now() },
    random: { uint32: () => randomInt(2 ** 32) },
    ...access.ports,
    limits: {
      ...apiLimitsDefault(config.electionTimeoutMs, config.heartbeatIntervalMs),
      requestBytesMax: config.maxRequestBytes,
      txnOpCountMax: config.maxTxnOps,
      autoCompaction: compactionPolicy(config) ?? { mode: "off" },
      watchProgressNotifyIntervalMs: config.watchProgressNotifyIntervalMs,
      fastLeaseKeepAlive: config.featureGates.includes("FastLeaseKeepAlive"),
      leaseCheckpoint: config.featureGates.includes("LeaseCheckpoint"),
      authTokenTtlMs: config.authTokenTtlSeconds * 1000,
      autoDisarmNoSpace: config.autoDisarmNoSpace,
      learnerCountMax: config.maxLearners,
      strictReconfigCheck: config.strictReconfigCheck,
    },
    about: {
      version: etcdVersion,
      storageVersion: etcdVersion,
      quotaBytes: config.quotaBackendBytes,
    },
    nowMs: performance.now(),
  };
}

function publishedBy(config: ServerConfig, identity: MemberIdentity): Parameters<typeof publishMember>[1] {
  const self = identity.members.find((member) => member.id === identity.memberId);
  return {
    id: identity.memberId,
    name: config.explicit.has("name") || self === undefined ? config.name : self.name,
    clientUrls: config.advertiseClientUrls.map((url) => url.text),
    peerUrls: self?.peerUrls ?? [],
  };
}
