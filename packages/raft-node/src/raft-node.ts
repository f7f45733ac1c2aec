/**
 * Raft embedded in a Node service: the host loop with a real disk, real connections and a real clock. Promise begins here; the
 * server's hot path uses {@link RaftNode.submit} and {@link RaftNode.readBarrier}, which call back.
 */
import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { assert } from "@quorate/base";
import {
  ConfigError,
  type HostEvent,
  type HostStatus,
  type NodeId,
  noNode,
  type ProposalOutcome,
  RaftHost,
  type ReadOutcome,
  type Term,
  toNodeId,
  type Waiting,
} from "@quorate/raft";
import { openWal, type StoreMetadata, type WalStorage } from "@quorate/wal";
import { clusterIdOf, parseAddress } from "./addresses.ts";
import { DataDirectoryLock } from "./data-directory-lock.ts";
import { JsonMachineAdapter, jsonCodec } from "./json-machine.ts";
import { NodeFileSystem } from "./node-file-system.ts";
import type { Codec, RaftNodeEvent, RaftNodeOptions, ReadOptions, WaitOptions } from "./options.ts";
import { proposalError, readError } from "./outcome-errors.ts";
import { PeerStoreIds } from "./peer-store-ids.ts";
import type { PeerAddress, TransportCounters } from "./tcp/options.ts";
import { TcpTransport } from "./tcp/tcp-transport.ts";
import { Ticker } from "./ticker.ts";

/** How often a log that is not written to is looked at, to mark its last batch durable: within 50 ms of its end. */
const idleCheckMs = 25;

/** Who leads, as this member knows it. */
export interface Leadership {
  /** `noNode` (0) while nobody is known to lead. */
  readonly leader: NodeId;
  readonly term: Term;
  /** Whether it is this member. */
  readonly isLeader: boolean;
}

/**
 * One member of a cluster.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { RaftNode } from "@quorate/raft-node";
 * let total = 0;
 * const node = await RaftNode.start<{ add: number }, number>({
 *   id: 1,
 *   dataDir: mkdtempSync(join(tmpdir(), "counter-")),
 *   listen: "127.0.0.1:0",
 *   peers: { 1: "127.0.0.1:0" },
 *   tickMs: 5,
 *   stateMachine: {
 *     apply: ({ add }) => (total += add),
 *     snapshot: () => total,
 *     restore: (image: number) => {
 *       total = image;
 *     },
 *   },
 * });
 * await node.waitForLeader();
 * await node.propose({ add: 1 }); // 1
 * await node.stop();
 * ```
 */
export class RaftNode<Command = unknown, Result = unknown> {
  readonly #host: RaftHost<Result>;
  readonly #storage: WalStorage;
  readonly #transport: TcpTransport;
  readonly #codec: Codec<Command> | null;
  readonly #parts: StartedParts;
  readonly #listeners: Set<(event: RaftNodeEvent) => void>;
  #stopped: Promise<void> | null = null;

  private constructor(host: RaftHost<Result>, codec: Codec<Command> | null, parts: StartedParts) {
    this.#host = host;
    this.#codec = codec;
    this.#parts = parts;
    this.#storage = parts.storage;
    this.#transport = parts.transport;
    this.#listeners = parts.listeners;
  }

  /**
   * Opens the data directory, recovers, joins the cluster. It resolves as soon as the member runs, leader or not.
   *
   * @throws ConfigError naming every wrong option; StorageError when the directory is locked, damaged or another member's; the
   *   platform's error when it cannot be written or the port is in use. Nothing is left running or locked.
   */
  static async start<Command = unknown, Result = unknown>(
    options: RaftNodeOptions<Command, Result>,
  ): Promise<RaftNode<Command, Result>> {
    const addresses = checkOptions(options);
    mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
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

  /** Used by {@link start} only. */
  static fromParts<Command, Result>(
    host: RaftHost<Result>,
    codec: Codec<Command> | null,
    parts: StartedParts,
  ): RaftNode<Command, Result> {
    return new RaftNode(host, codec, parts);
  }

  /** This member. */
  get id(): NodeId {
    return this.#host.id;
  }

  /** Who this member knows to lead. */
  get leader(): NodeId {
    return this.#host.leader;
  }

  /** Whether this member leads, as far as it knows; {@link read} proves it. */
  get isLeader(): boolean {
    return this.#host.role === "leader";
  }

  /** What the store was created with: identity, first configuration, the application's bytes. */
  get metadata(): StoreMetadata {
    return this.#storage.metadata;
  }

  /** Where this member listens for its peers. */
  get address(): PeerAddress {
    return this.#parts.address;
  }

  /** Log positions that are stored; the first is above 1 once the log was compacted. */
  get logRange(): { readonly firstIndex: number; readonly lastIndex: number } {
    return { firstIndex: this.#storage.firstIndex, lastIndex: this.#storage.lastIndex };
  }

  /**
   * Proposes a command and resolves with what `apply` returned on this member, once a majority has the command on disk.
   * Followers hand it to the leader.
   *
   * @throws RaftError; `maybeCommitted` says whether the command may still be applied. Nothing is retried.
   */
  propose(command: Command, options: WaitOptions = {}): Promise<Result> {
    const codec = this.#codec;
    assert(codec !== null, "raft node: a byte state machine takes its commands by submit()");
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const waiting = this.submit(codec.encode(command), (outcome) => {
        settled();
        if (outcome.kind === "applied") {
          resolve(outcome.result);
        } else {
          reject(proposalError(outcome));
        }
      });
      const settled = giveUp(waiting, options);
    });
  }

  /**
   * Reads the state through `reader`, by default linearizably: it sees everything that was acknowledged before the call.
   *
   * @throws RaftError when no leader confirms the read in time.
   */
  async read<T>(reader: () => T, options: ReadOptions = {}): Promise<T> {
    if ((options.consistency ?? "linearizable") === "linearizable") {
      await this.#barrier(options);
    }
    return reader();
  }

  #barrier(options: WaitOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const waiting = this.readBarrier((outcome) => {
        settled();
        if (outcome.kind === "ready") {
          resolve();
        } else {
          reject(readError(outcome));
        }
      });
      const settled = giveUp(waiting, options);
    });
  }

  /** Proposes bytes, which belong to the node from here on; `done` is called exactly once, with `applied` from within the apply. */
  submit(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting {
    return this.#host.propose(command, done);
  }

  /** Calls back exactly once, with `ready` when the local state is linearizable to read. */
  readBarrier(done: (outcome: ReadOutcome) => void): Waiting {
    return this.#host.read(done);
  }

  /** A copy of what is going on. */
  status(): HostStatus {
    return this.#host.status();
  }

  /** Counters of the connections to the peers. */
  get transportCounters(): Readonly<TransportCounters> {
    return this.#transport.counters;
  }

  /** Asks that `target` leads from now on; what the core said to it. RAFT §3.10. */
  transferLeadership(target: number): ReturnType<RaftHost["transferLeadership"]> {
    return this.#host.transferLeadership(toNodeId(target));
  }

  /** Calls `listener` for each event from now on; call what it returns to end that. */
  subscribe(listener: (event: RaftNodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with the leader once one is known. @throws the signal's reason when it gives up first. */
  async waitForLeader(options: Pick<WaitOptions, "signal"> = {}): Promise<NodeId> {
    for await (const { leader } of this.leadership(options)) {
      if (leader !== noNode) {
        return leader;
      }
    }
    throw proposalError({ kind: "refused", reason: "stopped", leader: noNode });
  }

  /** Who leads now, then each change, until the node stops. A slow consumer sees the newest state, not each step. */
  async *leadership(options: Pick<WaitOptions, "signal"> = {}): AsyncGenerator<Leadership, void, void> {
    let changed = Promise.withResolvers<void>();
    const unsubscribe = this.subscribe((event) => {
      if (
        event.type === "leader" ||
        event.type === "role" ||
        event.type === "fatal" ||
        event.type === "term"
      ) {
        changed.resolve();
      }
    });
    const abort = (): void => changed.reject(options.signal?.reason);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", abort, { once: true });
    const stop = (): void => changed.resolve();
    this.#parts.stopping.addEventListener("abort", stop, { once: true });
    try {
      let last: Leadership | null = null;
      while (!this.#parts.stopping.aborted && this.#host.state !== "stopped") {
        changed = Promise.withResolvers<void>();
        const now = { leader: this.#host.leader, term: this.#host.term, isLeader: this.isLeader };
        if (
          last === null ||
          last.leader !== now.leader ||
          last.term !== now.term ||
          last.isLeader !== now.isLeader
        ) {
          last = now;
          yield now;
          continue;
        }
        await changed.promise;
      }
    } finally {
      unsubscribe();
      options.signal?.removeEventListener("abort", abort);
      this.#parts.stopping.removeEventListener("abort", stop);
    }
  }

  /**
   * Hands leadership over where it can, refuses new proposals, finishes those under way, says goodbye to the peers, marks the log as
   * cleanly closed. Safe to call more than once.
   */
  stop(options: { readonly transfer?: boolean } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  async #stop(options: { readonly transfer?: boolean }): Promise<void> {
    this.#parts.abort();
    const failed = this.#host.state === "stopped";
    const error = await new Promise<Error | null>((resolve) => this.#host.stop(options, resolve));
    this.#parts.ticker.stop();
    clearInterval(this.#parts.idleTimer);
    if (failed) {
      // The host ended by itself and closed nothing: a log that failed is not to be written to any more.
      await new Promise<void>((resolve) => this.#transport.close(() => resolve()));
    }
    this.#parts.lock.release();
    if (error !== null && !failed) {
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What a running node holds. */
interface StartedParts {
  readonly storage: WalStorage;
  readonly transport: TcpTransport;
  readonly address: PeerAddress;
  readonly lock: DataDirectoryLock;
  readonly ticker: Ticker;
  readonly idleTimer: NodeJS.Timeout;
  readonly listeners: Set<(event: RaftNodeEvent) => void>;
  readonly stopping: AbortSignal;
  readonly abort: () => void;
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
  if (!(options.id in options.peers)) {
    problems.push(`peers: member ${options.id} itself is missing`);
  }
  if (!((options.tickMs ?? 100) >= 1)) {
    problems.push("tickMs must be at least 1");
  }
  if (options.dataDir === "") {
    problems.push("dataDir is empty");
  }
  if (problems.length > 0 || listen === null) {
    throw new ConfigError(problems);
  }
  return { listen, peers, clusterId: clusterIdOf(options.cluster ?? "quorate") };
}

/** Starts everything in order; `undo` grows with each step that must be taken back when a later one fails. */
async function startParts<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  addresses: Addresses,
  undo: (() => void | Promise<void>)[],
): Promise<RaftNode<Command, Result>> {
  const id = toNodeId(options.id);
  const listeners = new Set<(event: RaftNodeEvent) => void>();
  const emit = (event: RaftNodeEvent): void => {
    options.onEvent?.(event);
    for (const listener of listeners) {
      listener(event);
    }
  };
  const lock = DataDirectoryLock.acquire(options.dataDir);
  undo.push(() => lock.release());
  const storage = await openStorage(options, addresses);
  undo.push(() => closeStorage(storage));
  for (const what of storage.report) {
    emit({ type: "recovered", what });
  }
  const transport = createTransport(options, addresses, storage, emit);
  const address = await transport.listen();
  undo.push(() => new Promise((resolve) => transport.close(() => resolve())));

  const codec = "byteStateMachine" in options ? null : (options.codec ?? jsonCodec<Command>());
  const stateMachine =
    "byteStateMachine" in options
      ? options.byteStateMachine
      : new JsonMachineAdapter(options.stateMachine, codec ?? jsonCodec<Command>());
  const host = new RaftHost<Result>({
    id,
    storage,
    transport,
    scheduler: { defer: (work) => void setImmediate(work) },
    stateMachine,
    random: (low, high) => randomInt(low, high),
    ...(options.core === undefined ? {} : { core: options.core }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
    onEvent: (event: HostEvent) => emit(event),
    onFatal: options.onFatal ?? throwOutOfTheLoop,
  });
  await new Promise<void>((resolve, reject) => {
    host.start((error) => (error === null ? resolve() : reject(error)));
  });

  const tickMs = options.tickMs ?? 100;
  const ticker = new Ticker(tickMs, ({ gapMs }) => {
    if (gapMs > 2 * tickMs) {
      emit({ type: "late-tick", gapMs });
    }
    host.tick();
  });
  const stopping = new AbortController();
  return RaftNode.fromParts(host, codec, {
    storage,
    transport,
    address,
    lock,
    ticker,
    idleTimer: markWhenIdle(storage),
    listeners,
    stopping: stopping.signal,
    abort: () => stopping.abort(),
  });
}

function openStorage<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  { clusterId, peers }: Addresses,
): Promise<WalStorage> {
  const files = new NodeFileSystem(options.dataDir);
  const voters = [...peers.keys()].sort((left, right) => left - right);
  return new Promise((resolve, reject) => {
    openWal(
      {
        fileSystem: options.wrapFileSystem?.(files) ?? files,
        clusterId,
        nodeId: toNodeId(options.id),
        bootstrap: {
          storeId: new Uint8Array(randomBytes(16)),
          confState: { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
          application: options.application ?? new Uint8Array(0),
        },
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
      },
      (error, storage) => (storage === undefined ? reject(error) : resolve(storage)),
    );
  });
}

function closeStorage(storage: WalStorage): Promise<void> {
  return new Promise((resolve) => storage.close(() => resolve()));
}

function createTransport<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  { clusterId, listen, peers }: Addresses,
  storage: WalStorage,
  emit: (event: RaftNodeEvent) => void,
): TcpTransport {
  const id = toNodeId(options.id);
  return new TcpTransport({
    identity: {
      id,
      clusterId,
      storeId: storage.metadata.storeId,
      bootId: new Uint8Array(randomBytes(16)),
    },
    listen,
    peers: new Map([...peers].filter(([peer]) => peer !== id)),
    storeIds: PeerStoreIds.open(options.dataDir),
    ...(options.transport === undefined ? {} : { limits: options.transport }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    onEvent: emit,
  });
}

/** A log that has come to rest gets a durable mark, so that recovery can tell damage to its end from a torn write. */
function markWhenIdle(storage: WalStorage): NodeJS.Timeout {
  let lastIndex = storage.lastIndex;
  const timer = setInterval(() => {
    if (storage.lastIndex === lastIndex) {
      // A failure ends the store: the next write tells the host.
      storage.idle(() => {});
    }
    lastIndex = storage.lastIndex;
  }, idleCheckMs);
  timer.unref();
  return timer;
}

/** Arms deadline and signal; call what it returns when the wait has ended by itself. */
function giveUp(waiting: Waiting, { deadlineMs, signal }: WaitOptions): () => void {
  const abandon = (): void => waiting.abandon();
  signal?.addEventListener("abort", abandon, { once: true });
  const timer = deadlineMs === undefined ? undefined : setTimeout(abandon, deadlineMs);
  return () => {
    signal?.removeEventListener("abort", abandon);
    clearTimeout(timer);
  };
}

/** A member that failed must not look alive: the error leaves every catch behind and ends the process. */
function throwOutOfTheLoop(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
