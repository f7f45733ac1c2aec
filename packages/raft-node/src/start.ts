/** Starting a member: its parts in the order in which they depend on each other, and back again when one of them fails. */
import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { must } from "@quorate/base";
import {
  addressBytesMax,
  ConfigError,
  type CoreSettings,
  type FailOverPolicy,
  type HostEvent,
  type HostLimits,
  type NodeId,
  RaftHost,
  raftDefaults,
  StorageError,
  toNodeId,
} from "@quorate/raft";
import { openWal, type StoreMetadata, type WalStorage } from "@quorate/wal";
import type { NodeStorage, NodeTransport, TransportStart } from "./adapters.ts";
import { clusterIdOf, parseAddress } from "./addresses.ts";
import { type CommandPath, type Commands, commandPathOf } from "./commands.ts";
import { DataDirectoryLock } from "./data-directory-lock.ts";
import { debugByEnvironment, describeNodeEvent, withDebugLines } from "./debug-lines.ts";
import { AesCipher } from "./encryption/aes-cipher.ts";
import { KeyRing } from "./encryption/key-ring.ts";
import { NodeFileSystem } from "./node-file-system.ts";
import type { Codec, RaftNodeEvent, RaftNodeOptions, RaftNodeSettings } from "./options.ts";
import { PeerStoreIds } from "./peer-store-ids.ts";
import { finishSwitch } from "./recovery/switch.ts";
import { openIdentity } from "./store-identity.ts";
import type { PeerAddress } from "./tcp/options.ts";
import { TcpTransport } from "./tcp/tcp-transport.ts";
import { Ticker } from "./ticker.ts";
import { TraceFile } from "./trace-file.ts";

/** How often a log that is not written to is looked at, to mark its last batch durable: within 50 ms of its end. */
const idleCheckMs = 25;

const tickMsDefault = 100;

/** A member that runs. */
export interface StartedMember<Command, Result> {
  readonly host: RaftHost<unknown>;
  readonly commands: Commands<Result>;
  /** Null where commands are bytes. */
  readonly codec: Codec<Command> | null;
  readonly parts: StartedParts;
}

/** What a running node holds. */
export interface StartedParts {
  readonly storage: NodeStorage;
  readonly metadata: StoreMetadata;
  readonly transport: NodeTransport;
  readonly address: PeerAddress;
  /** Null without a data directory. */
  readonly lock: DataDirectoryLock | null;
  readonly ticker: Ticker;
  /** Null where the storage marks nothing. */
  readonly idleTimer: NodeJS.Timeout | null;
  readonly listeners: Set<(event: RaftNodeEvent) => void>;
  readonly stopping: AbortSignal;
  readonly abort: () => void;
  /** Null where nothing is encrypted. */
  readonly keyRing: KeyRing | null;
  readonly emit: (event: RaftNodeEvent) => void;
  readonly fail: (error: Error) => void;
  readonly traceFile: TraceFile | null;
}

/** Starts a member; see `RaftNode.start`. When a step fails, those before it are taken back. */
export async function startMember<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
): Promise<StartedMember<Command, Result>> {
  const addresses = checkOptions(options);
  if (options.dataDir !== undefined) {
    mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  }
  const undo: (() => void | Promise<void>)[] = [];
  try {
    return await startParts(options, addresses, undo);
  } catch (error) {
    for (const step of undo.reverse()) {
      await step();
    }
    throw error;
  }
}

interface Addresses {
  readonly listen: PeerAddress;
  readonly peers: ReadonlyMap<NodeId, PeerAddress>;
  readonly clusterId: number;
}

function checkOptions<Command, Result>(options: RaftNodeOptions<Command, Result>): Addresses {
  const problems: string[] = [];
  const peers = new Map<NodeId, PeerAddress>();
  for (const [key, text] of Object.entries(options.peers)) {
    const id = Number(key);
    const address = parseAddress(text);
    if (!Number.isSafeInteger(id) || id < 1) {
      problems.push(`peers: ${key} is not a member id (1 to 2^53-1)`);
    } else if (address === null) {
      problems.push(`peers: ${text} is not host:port`);
    } else {
      peers.set(toNodeId(id), address);
    }
  }
  const listen = parseAddress(options.listen);
  if (listen === null) {
    problems.push(`listen: ${options.listen} is not host:port`);
  }
  if (options.join !== true && !(options.id in options.peers)) {
    problems.push(`peers: member ${options.id} itself is missing`);
  }
  if (!((options.tickMs ?? tickMsDefault) >= 1)) {
    problems.push("tickMs must be at least 1");
  }
  if (!((options.snapshotSendBytesPerSecondMax ?? 1) >= 1)) {
    problems.push("snapshotSendBytesPerSecondMax must be at least 1");
  }
  if (new TextEncoder().encode(options.advertise ?? "").length > addressBytesMax) {
    problems.push(`advertise: more than ${addressBytesMax} bytes`);
  }
  if (options.dataDir === "") {
    problems.push("dataDir is empty");
  }
  if (options.dataDir === undefined && options.openStorage === undefined) {
    problems.push("dataDir is missing");
  }
  if (problems.length > 0 || listen === null) {
    throw new ConfigError(problems);
  }
  return { listen, peers, clusterId: clusterIdOf(options.cluster ?? "quorate") };
}

/**
 * `undo` grows with each step that must be taken back when a later one fails. What fails once the member runs ends it at once:
 * nothing more leaves, the clock stops, and only then is it told.
 */
async function startParts<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  addresses: Addresses,
  undo: (() => void | Promise<void>)[],
): Promise<StartedMember<Command, Result>> {
  const listeners = new Set<(event: RaftNodeEvent) => void>();
  const debug = options.debug ?? debugByEnvironment(options.id);
  const emit = (event: RaftNodeEvent): void => {
    debug?.(describeNodeEvent(event));
    options.onEvent?.(event);
    for (const listener of listeners) {
      listener(event);
    }
  };
  const lock = options.dataDir === undefined ? null : DataDirectoryLock.acquire(options.dataDir);
  undo.push(() => lock?.release());
  if (options.dataDir !== undefined && finishSwitch(options.dataDir)) {
    emit({ type: "recovered", what: "a recovery that was interrupted is carried through" });
  }
  const keyRing = options.encryption === undefined ? null : new KeyRing(options.encryption);
  const { metadata, storage } = await openStore(options, addresses, keyRing);
  undo.push(() => closeStorage(storage));
  for (const what of storage.report ?? []) {
    emit({ type: "recovered", what });
  }
  const ending: (() => void)[] = [];
  const fatal = fatalOnce(ending, options.onFatal ?? throwOutOfTheLoop);
  const opened = await openTransport(options, addresses, metadata, emit, fatal);
  ending.push(() => opened.close(() => {}));
  const address = (await opened.listen?.()) ?? addresses.listen;
  const transport = debug === null ? opened : withDebugLines(opened, debug);
  undo.push(() => new Promise((resolve) => transport.close(() => resolve())));

  const path = commandPathOf(options);
  const traceFile = openTrace(options, emit);
  undo.push(() => traceFile?.closeNow());
  const { commands, host } = createHost(options, path, storage, transport, emit, fatal, traceFile);
  ending.push(() => {
    host.halt();
    traceFile?.closeNow();
  });
  await new Promise<void>((resolve, reject) => {
    host.start((error) => (error === null ? resolve() : reject(error)));
  });
  const stopping = new AbortController();
  const ticker = startTicking(host, options.tickMs ?? tickMsDefault, emit);
  const idleTimer =
    "idle" in storage ? markWhenIdle(storage as WalStorage, (error) => host.storageFailed(error)) : null;
  ending.push(() => {
    ticker.stop();
    clearInterval(idleTimer ?? undefined);
  });
  const parts: StartedParts = {
    storage,
    metadata,
    transport,
    address,
    lock,
    ticker,
    idleTimer,
    listeners,
    stopping: stopping.signal,
    abort: () => stopping.abort(),
    keyRing,
    emit,
    fail: fatal,
    traceFile,
  };
  return { host, commands, codec: path.codec, parts };
}

/** The end of a member that failed: `ending` is carried out, then it is told. */
function fatalOnce(ending: (() => void)[], tell: (error: Error) => void): (error: Error) => void {
  let failed = false;
  return (error) => {
    if (failed) {
      return;
    }
    failed = true;
    for (const step of ending.splice(0)) {
      step();
    }
    tell(error);
  };
}

function openTrace({ traceFile }: RaftNodeSettings, emit: (event: RaftNodeEvent) => void): TraceFile | null {
  return traceFile === undefined
    ? null
    : new TraceFile({ path: traceFile, onFailed: (error) => emit({ type: "trace-failed", error }) });
}

function createHost<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  path: CommandPath<Command, Result>,
  storage: NodeStorage,
  transport: NodeTransport,
  emit: (event: RaftNodeEvent) => void,
  fatal: (error: Error) => void,
  trace: TraceFile | null,
): ReturnType<CommandPath<Command, Result>["start"]> {
  return path.start(
    (stateMachine, limits) =>
      new RaftHost({
        id: toNodeId(options.id),
        storage,
        transport,
        scheduler: {
          defer: (work) => void setImmediate(work),
          after: (delayMs, work) => void setTimeout(work, delayMs).unref(),
        },
        stateMachine,
        random: (low, high) => randomInt(low, high),
        trace,
        core: coreSettings(options),
        lease: { nowMs: () => performance.now(), tickMs: options.tickMs ?? tickMsDefault },
        failOver: failOverOf(options),
        limits: { ...limits, ...sendLimitOf(options) },
        ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
        ...(options.membership === undefined ? {} : { membership: options.membership }),
        onEvent: (event: HostEvent) => emit(event),
        onFatal: fatal,
      }),
  );
}

/** Members farther apart are given longer time-outs, so trials that take longer are spread more widely. */
function failOverOf<Command, Result>(options: RaftNodeOptions<Command, Result>): FailOverPolicy | null {
  const core = { ...raftDefaults, ...coreSettings(options) };
  const isSafe = core.preVote && core.checkQuorum && core.readMode !== "lease";
  if (!(options.fastFailover ?? isSafe)) {
    return null;
  }
  const electionTimeoutMs = core.electionTimeoutTicks * (options.tickMs ?? tickMsDefault);
  return { spreadMs: Math.max(10, Math.ceil(electionTimeoutMs / 25)) };
}

function coreSettings({ core, readConsistency }: RaftNodeSettings): CoreSettings {
  return { ...core, ...(readConsistency === "lease" ? { readMode: "lease" } : {}) };
}

/** What a second may send, in ticks: at least one byte, at most what it says. */
function sendLimitOf({
  snapshotSendBytesPerSecondMax: perSecond,
  tickMs = tickMsDefault,
}: RaftNodeSettings): Partial<HostLimits> {
  return perSecond === undefined
    ? {}
    : { snapshotSendBytesPerTickMax: Math.max(1, Math.floor((perSecond * tickMs) / 1000)) };
}

function startTicking<Result>(
  host: RaftHost<Result>,
  tickMs: number,
  emit: (event: RaftNodeEvent) => void,
): Ticker {
  return new Ticker(tickMs, ({ gapMs }) => {
    if (gapMs > 2 * tickMs) {
      emit({ type: "late-tick", gapMs });
    }
    host.tick();
  });
}

interface OpenedStore {
  readonly storage: NodeStorage;
  readonly metadata: StoreMetadata;
}

async function openStore<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  { clusterId, peers }: Addresses,
  keyRing: KeyRing | null,
): Promise<OpenedStore> {
  const voters = options.join === true ? [] : [...peers.keys()].sort((left, right) => left - right);
  if (options.openStorage === undefined) {
    const storage = await openOwnLog(options, clusterId, voters, keyRing);
    return { storage, metadata: storage.metadata };
  }
  const dataDir = options.dataDir ?? null;
  const id = toNodeId(options.id);
  const application = options.application ?? new Uint8Array(0);
  const storage = await options.openStorage({ dataDir, id, clusterId, voters, application });
  if (storage.metadata !== undefined) {
    return { storage, metadata: storage.metadata };
  }
  const identity = openIdentity(dataDir, clusterId, id);
  return { storage, metadata: { ...identity, confState: storage.initial.confState, application } };
}

function openOwnLog<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  clusterId: number,
  voters: readonly NodeId[],
  keyRing: KeyRing | null,
): Promise<WalStorage> {
  const dataDir = must(options.dataDir, "start: a log needs a directory");
  const files = new NodeFileSystem(dataDir);
  // Whoever has peers, or ever met one, can be repaired; a member alone has nobody to be repaired from.
  const hasPeers = Object.keys(options.peers).length > 1 || PeerStoreIds.open(dataDir).count > 0;
  return new Promise((resolve, reject) => {
    openWal(
      {
        fileSystem: options.wrapFileSystem?.(files) ?? files,
        clusterId,
        nodeId: toNodeId(options.id),
        onDamage: hasPeers || options.join === true ? "set-aside" : "refuse",
        bootstrap: {
          storeId: new Uint8Array(randomBytes(16)),
          confState: {
            voters: [...voters],
            learners: [],
            votersOutgoing: [],
            learnersNext: [],
            autoLeave: false,
          },
          application: options.application ?? new Uint8Array(0),
        },
        ...(keyRing === null ? {} : { cipher: new AesCipher(keyRing) }),
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      },
      (error, storage) => (storage === undefined ? reject(error) : resolve(storage)),
    );
  });
}

function closeStorage(storage: NodeStorage): Promise<void> {
  return new Promise((resolve) => storage.close(() => resolve()));
}

async function openTransport<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  { clusterId, listen, peers }: Addresses,
  { storeId }: StoreMetadata,
  emit: (event: RaftNodeEvent) => void,
  fatal: (error: Error) => void,
): Promise<NodeTransport> {
  const id = toNodeId(options.id);
  const start: TransportStart = {
    identity: {
      id,
      clusterId,
      storeId,
      bootId: new Uint8Array(randomBytes(16)),
    },
    listen,
    peers: new Map([...peers].filter(([peer]) => peer !== id)),
    ...advertised(options),
    storeIds: options.dataDir === undefined ? PeerStoreIds.inMemory() : PeerStoreIds.open(options.dataDir),
    resolveAddress: (peer, address) => parseAddress(options.resolveAddress?.(peer, address) ?? address),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.onHttp === undefined ? {} : { onHttp: options.onHttp }),
    onEvent: emit,
    onFatal: fatal,
  };
  if (options.openTransport !== undefined) {
    return options.openTransport(start);
  }
  return new TcpTransport({
    ...start,
    ...(options.transport === undefined ? {} : { limits: options.transport }),
  });
}

/** What a member says of where it is reached; nothing where only its transport can know. */
function advertised<Command, Result>({
  advertise,
  id,
  peers,
}: RaftNodeOptions<Command, Result>): Pick<TransportStart, "advertise"> {
  const own = advertise ?? peers[id];
  // Port 0 stands for one that the system chooses.
  return own === undefined || parseAddress(own)?.port === 0 ? {} : { advertise: own };
}

/** A log that has come to rest gets a durable mark, so that recovery can tell damage to its end from a torn write. */
function markWhenIdle(storage: WalStorage, fatal: (error: Error) => void): NodeJS.Timeout {
  let lastIndex = storage.lastIndex;
  const timer = setInterval(() => {
    if (storage.lastIndex === lastIndex) {
      // Work in the background may have failed since the last write; a leader without a disk must not lead on.
      storage.idle((error) => {
        if (error !== null && !(error instanceof StorageError && error.code === "STORAGE_CLOSED")) {
          fatal(error);
        }
      });
    }
    lastIndex = storage.lastIndex;
  }, idleCheckMs);
  timer.unref();
  return timer;
}

/** A member that failed must not look alive: the error leaves every catch behind and ends the process. */
function throwOutOfTheLoop(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
