/**
 * Raft embedded in a Node service: the host loop with a real disk, real connections and a real clock. Promise begins here; the
 * server's hot path uses {@link RaftNode.submit} and {@link RaftNode.readBarrier}, which call back.
 */
import { assert } from "@quorate/base";
import {
  ConfigError,
  type HostStatus,
  type MembershipChange,
  type NodeId,
  noNode,
  type ProposalOutcome,
  RaftError,
  type RaftHost,
  type ReadOutcome,
  type RequestHandler,
  type RequestOutcome,
  resolveSessionLimits,
  type SessionLimits,
  type Term,
  toLogIndex,
  toNodeId,
  type Waiting,
} from "@quorate/raft";
import type { StoreMetadata } from "@quorate/wal";
import type { NodeStorage, NodeTransport } from "./adapters.ts";
import { parseAddress } from "./addresses.ts";
import type { Commands } from "./commands.ts";
import type { EncryptionKeys } from "./encryption/key-ring.ts";
import type {
  ChangeMembersOptions,
  Codec,
  MemberChangeStep,
  MembersView,
  RaftNodeEvent,
  RaftNodeOptions,
  ReadOptions,
  SessionOpenOptions,
  WaitOptions,
} from "./options.ts";
import {
  membershipError,
  proposalError,
  readError,
  requestError,
  snapshotRequestError,
  transferError,
} from "./outcome-errors.ts";
import { Retirement } from "./retirement.ts";
import { type RaftSession, startSession } from "./session.ts";
import { type StartedMember, type StartedParts, startMember } from "./start.ts";
import { createCounters, type PeerAddress, type TransportCounters } from "./tcp/options.ts";
import type { TraceCounters } from "./trace-file.ts";
import { promised } from "./wait.ts";
import { type Leadership, leadershipOf, type Watched, waitUntil } from "./watching.ts";

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
  readonly #host: RaftHost<unknown>;
  readonly #commands: Commands<Result>;
  readonly #sessionLimits: SessionLimits;
  readonly #storage: NodeStorage;
  readonly #transport: NodeTransport;
  readonly #codec: Codec<Command> | null;
  readonly #parts: StartedParts;
  readonly #listeners: Set<(event: RaftNodeEvent) => void>;
  readonly #watched: Watched;
  #stopped: Promise<void> | null = null;

  private constructor(started: StartedMember<Command, Result>, sessionLimits: SessionLimits) {
    this.#host = started.host;
    this.#commands = started.commands;
    this.#sessionLimits = sessionLimits;
    this.#codec = started.codec;
    this.#parts = started.parts;
    this.#storage = started.parts.storage;
    this.#transport = started.parts.transport;
    this.#listeners = started.parts.listeners;
    this.#watched = {
      host: started.host,
      stopping: started.parts.stopping,
      subscribe: (listener) => this.subscribe(listener),
    };
    const retirement = new Retirement({
      id: started.host.id,
      isReleasedBy: (by) => started.host.isReleasedBy(by),
      isStopped: () => this.#stopped !== null,
      emit: started.parts.emit,
      fail: started.parts.fail,
      stop: () => this.stop({ transfer: false }),
    });
    this.subscribe((event) => retirement.heard(event));
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
    const limits = resolveSessionLimits(options.sessions);
    return new RaftNode(await startMember(options), limits);
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

  /** The present term. */
  get term(): Term {
    return this.#host.term;
  }

  /** Highest log index known committed. */
  get committed(): number {
    return this.#host.committed;
  }

  /** Highest log index that the state machine has finished. */
  get applied(): number {
    return this.#host.applied;
  }

  /** Campaigns now instead of at the next time-out; whether this member may. */
  campaign(): boolean {
    return this.#host.campaign();
  }

  /** What the store was created with: identity, first configuration, the application's bytes. */
  get metadata(): StoreMetadata {
    return this.#parts.metadata;
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
    return promised(options, (resolve, reject) =>
      this.submit(codec.encode(command), (outcome) => {
        if (outcome.kind === "applied") {
          resolve(outcome.result);
        } else {
          reject(proposalError(outcome));
        }
      }),
    );
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

  #barrier(options: WaitOptions): Promise<number> {
    return promised(options, (resolve, reject) =>
      this.readBarrier((outcome) => {
        if (outcome.kind === "ready") {
          resolve(outcome.index);
        } else {
          reject(readError(outcome));
        }
      }),
    );
  }

  /** Proposes bytes, which belong to the node from here on; `done` is called exactly once, with `applied` from within the apply. */
  submit(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting {
    return this.#commands.submit(command, done);
  }

  /**
   * Opens a session, in which commands are applied exactly once although they are sent again whenever their outcome is unknown.
   *
   * @throws RaftError `RAFT_DEADLINE` when none could be registered in time, `RAFT_STOPPED`. Nothing has happened then.
   */
  openSession(options: SessionOpenOptions = {}): Promise<RaftSession<Command, Result>> {
    const propose = this.#commands.proposeInSession;
    assert(propose !== null, "raft node: a byte state machine without `results` keeps no sessions");
    return startSession(propose, this.#codec, this.#sessionLimits, options);
  }

  /**
   * Writes with another key from now on, and makes a snapshot under it. What older keys wrote stays readable, and needs them until the
   * log is compacted past it and the older snapshot is gone: `quorate wal dump` says which keys a directory needs.
   *
   * @throws ConfigError where the keys are wrong; assertion where the node was started without encryption.
   */
  rotateEncryption(keys: EncryptionKeys): void {
    const { keyRing } = this.#parts;
    assert(keyRing !== null, "raft node: started without encryption");
    keyRing.rotate(keys);
    this.#host.demandSnapshot();
  }

  /** Calls back exactly once, with `ready` when the local state is linearizable to read. */
  readBarrier(done: (outcome: ReadOutcome) => void): Waiting {
    return this.#host.read(done);
  }

  /**
   * Asks the leader, wherever this member stands, by a channel of the application: what only the leader knows or may begin. Resolves
   * with what the handler there answered ({@link onRequest}). Sent once, at most 4 MiB each way, 16 to 65,535 for the channel.
   *
   * @throws RaftError `RAFT_NOT_LEADER` when nobody leads, `RAFT_REQUEST_REFUSED`, `RAFT_STOPPED`: certainly not handled;
   *   `RAFT_UNKNOWN_OUTCOME` when leader or connection were lost, `RAFT_DEADLINE` after five election time-outs or the deadline.
   */
  askLeader(channel: number, bytes: Uint8Array, options: WaitOptions = {}): Promise<Uint8Array> {
    return promised(options, (resolve, reject) =>
      this.requestLeader(channel, bytes, (outcome) => {
        if (outcome.kind === "answered") {
          resolve(outcome.bytes);
        } else {
          reject(requestError(outcome));
        }
      }),
    );
  }

  /** {@link askLeader} that calls back, exactly once, with how it ended. */
  requestLeader(channel: number, bytes: Uint8Array, done: (outcome: RequestOutcome) => void): Waiting {
    return this.#host.requestLeader(channel, bytes, done);
  }

  /**
   * Answers the requests of a channel while this member leads; its own come the same way. One handler for each channel. `answer` is
   * called once, now or later. A handler that throws ends the member, so an answer should carry what can go wrong.
   */
  onRequest(channel: number, handler: RequestHandler): void {
    this.#host.onRequest(channel, handler);
  }

  /** A copy of what is going on. */
  status(): HostStatus {
    return this.#host.status();
  }

  /** Counters of the connections to the peers; all 0 where the transport counts nothing. */
  get transportCounters(): Readonly<TransportCounters> {
    return this.#transport.counters ?? createCounters();
  }

  /** Events of `traceFile` that were written and dropped; zero without one. */
  get traceCounters(): Readonly<TraceCounters> {
    return this.#parts.traceFile?.counters ?? { written: 0, dropped: 0 };
  }

  /** The members, as this member has applied the log. */
  get members(): MembersView {
    const { confIndex, confState, members } = this.#host.status();
    return { confIndex, confState, members };
  }

  /**
   * Changes the membership, all steps at once or none; only the leader does. Resolves when the change is in force, a joint
   * configuration on the way left again. A new member needs an `address`, and an id that was never used.
   *
   * @throws RaftError `RAFT_NOT_LEADER` with where to go; `RAFT_CONF_CHANGE_PENDING` and `RAFT_CONF_CHANGE_INVALID` with the reason
   *   and the index of the configuration in force; where `maybeCommitted`, look at {@link members} before trying again.
   */
  changeMembers(
    changes: readonly MemberChangeStep[],
    options: ChangeMembersOptions = {},
  ): Promise<MembersView> {
    const { expectedConfIndex, form, transition } = options;
    const unreachable = changes.find(({ address = "" }) => address !== "" && parseAddress(address) === null);
    const change: MembershipChange = {
      changes: changes.map((each) => ({ ...each, id: toNodeId(each.id) })),
      ...(transition === undefined ? {} : { transition }),
      ...(form === undefined ? {} : { form }),
      ...(expectedConfIndex === undefined ? {} : { expectedConfIndex: toLogIndex(expectedConfIndex) }),
    };
    return promised(options, (resolve, reject) => {
      if (unreachable !== undefined) {
        throw new ConfigError([
          `address ${unreachable.address} of member ${unreachable.id} is not host:port`,
        ]);
      }
      return this.#host.changeMembers(change, (outcome) => {
        if (outcome.kind === "applied") {
          resolve(this.members);
        } else {
          reject(membershipError(outcome));
        }
      });
    });
  }

  /**
   * Hands leadership over to `target`, or to the member best able, and resolves with the new leader. Only the leader does; proposals
   * meanwhile are refused with `RAFT_LEADERSHIP_TRANSFERRING`. RAFT §3.10.
   *
   * @throws RaftError `RAFT_TRANSFER_REFUSED` with the reason, `RAFT_TRANSFER_TIMEOUT` when nobody took over within two election
   *   time-outs or the deadline (the target may still do so), `RAFT_NOT_LEADER`.
   */
  transferLeadership(target?: number, options: WaitOptions = {}): Promise<NodeId> {
    return promised(options, (resolve, reject) =>
      this.#host.handOver(target === undefined ? null : toNodeId(target), (outcome) => {
        if (outcome.kind === "done") {
          resolve(outcome.leader);
        } else {
          reject(transferError(outcome));
        }
      }),
    );
  }

  /**
   * A follower or learner whose state machine is doubted, although its log is whole, has the leader make a fresh image and restores from it.
   * Resolves with the image's index. Until then entries are acknowledged, but nothing that the image does not hold is applied here.
   *
   * @throws RaftError `RAFT_SNAPSHOT_REFUSED` with the reason, `RAFT_LEADER_CHANGED`, `RAFT_NOT_LEADER` when nobody leads, `RAFT_STOPPED`;
   *   `RAFT_DEADLINE` after sixty election time-outs without a piece of the image, or the deadline. The state is then what it was.
   */
  requestSnapshot(options: WaitOptions = {}): Promise<number> {
    return promised(options, (resolve, reject) =>
      this.#host.requestSnapshot((outcome) => {
        if (outcome.kind === "installed") {
          resolve(outcome.snapshot.index);
        } else {
          reject(snapshotRequestError(outcome));
        }
      }),
    );
  }

  /** Forgets who leads, so that this member votes for others at once; whether there was somebody to forget. */
  forgetLeader(): boolean {
    return this.#host.forgetLeader();
  }

  /**
   * Resolves with a log index once everything that was acknowledged before the call, by any member, is applied here.
   *
   * @throws RaftError when no leader confirms it in time.
   */
  async barrier(options: WaitOptions = {}): Promise<number> {
    return this.#barrier(options);
  }

  /**
   * Resolves once a majority has confirmed, after the call, that this member leads; with lease reads, once its lease or a majority has.
   *
   * @throws RaftError `RAFT_NOT_LEADER` when it does not, or no longer did in the same term when it was confirmed.
   */
  async verifyLeader(options: WaitOptions = {}): Promise<void> {
    const { term } = this;
    if (this.isLeader) {
      await this.#barrier(options);
    }
    if (!this.isLeader || this.term !== term) {
      throw new RaftError({ code: "RAFT_NOT_LEADER", leader: this.leader });
    }
  }

  /**
   * Resolves once this member has applied log index `index`.
   *
   * @throws RaftError `RAFT_STOPPED` when it stops first, `RAFT_READ_DEADLINE` when the deadline passes or the signal gives up.
   */
  waitForApplied(index: number, options: WaitOptions = {}): Promise<void> {
    return promised(options, (resolve, reject) =>
      this.#host.whenApplied(toLogIndex(index), (reached) => {
        if (reached) {
          resolve();
        } else if (this.#host.state === "stopped") {
          reject(new RaftError({ code: "RAFT_STOPPED", maybeCommitted: false }));
        } else {
          reject(new RaftError({ code: "RAFT_READ_DEADLINE" }));
        }
      }),
    );
  }

  /** Resolves with the members once `predicate` holds of them. @throws RaftError `RAFT_STOPPED`; the signal's reason. */
  waitForMembers(
    predicate: (view: MembersView) => boolean,
    options: Pick<WaitOptions, "signal"> = {},
  ): Promise<MembersView> {
    const events = new Set<RaftNodeEvent["type"]>(["conf-state", "snapshot-installed"]);
    return waitUntil(this.#watched, events, () => (predicate(this.members) ? this.members : null), options);
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
  leadership(options: Pick<WaitOptions, "signal"> = {}): AsyncGenerator<Leadership, void, void> {
    return leadershipOf(this.#watched, options);
  }

  /**
   * Hands leadership over where it can, refuses new proposals, finishes those under way, says goodbye to the peers, marks the log as
   * cleanly closed. Safe to call more than once.
   */
  stop(options: { readonly transfer?: boolean } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  /**
   * Ends at once, as a crash would: nothing that is under way is finished, nobody is told, the log is not marked as closed. `onFatal` is
   * told `cause`; {@link stop} then releases what is held.
   */
  halt(cause: Error = new Error("halted")): void {
    this.#parts.fail(cause);
  }

  async #stop(options: { readonly transfer?: boolean }): Promise<void> {
    this.#parts.abort();
    const failed = this.#host.state === "stopped";
    const error = await new Promise<Error | null>((resolve) => this.#host.stop(options, resolve));
    this.#parts.ticker.stop();
    clearInterval(this.#parts.idleTimer ?? undefined);
    await this.#parts.traceFile?.close();
    if (failed) {
      // The host ended by itself and closed nothing: a log that failed is not to be written to any more.
      await new Promise<void>((resolve) => this.#transport.close(() => resolve()));
    }
    this.#parts.lock?.release();
    if (error !== null && !failed) {
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
