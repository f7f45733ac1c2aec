/**
 * etcd's data model as a replicated state machine: commands in, results out, the same on every member. It knows no clock, no
 * chance and no I/O. Its shape is that of the raft package's state machine port.
 */
import { assert, must, unreachable } from "@quorate/base";
import { type AlarmList, applyAlarm, refuseByAlarm } from "./alarms.ts";
import { AuthTable, type LeaseKeys, type TokenObserver } from "./auth/auth-table.ts";
import type { Principal } from "./auth/auth-types.ts";
import { refuseByAuth } from "./auth/authorize.ts";
import { type HashKvResult, KvHash } from "./image/hash.ts";
import { HistoryReader } from "./image/history.ts";
import { MemoryReader } from "./image/memory-image.ts";
import { KvRestore, type RestoredState } from "./image/restore.ts";
import { KvImage } from "./image/snapshot.ts";
import {
  applyLeaseCheckpoint,
  applyLeaseGrant,
  applyLeaseRevoke,
  attachedSlots,
} from "./lease/apply-lease.ts";
import { type KvLease, LeaseTable } from "./lease/lease-table.ts";
import { type MemberTable, publishMember } from "./members.ts";
import { applyCompaction, applyDeleteRange, applyPut, applyTxn } from "./mvcc/apply.ts";
import { Sweeper } from "./mvcc/compaction.ts";
import { type KvEvents, readEvents } from "./mvcc/events.ts";
import { LookAhead } from "./mvcc/look-ahead.ts";
import { Pins } from "./mvcc/pins.ts";
import { RangeReader, readRange, refuseRevision } from "./mvcc/range.ts";
import { MvccStore } from "./mvcc/store.ts";
import { decodeSigned } from "./request/command-codec.ts";
import { type Revision, toRevision } from "./revision.ts";
import type {
  Command,
  DowngradeRequest,
  KvAlarm,
  KvRefusal,
  KvResult,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  MemberAttributes,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
} from "./types.ts";

/** Where a command stands in the replicated log. */
export interface KvApplyContext {
  readonly index: number;
  readonly term: number;
}

/** Settings that no result depends on. */
export interface KvOptions {
  /** Makes the key table's buckets unpredictable for those who choose keys; drawn once per process. */
  readonly hashSeed: number;
}

/**
 * Told of changes from within `apply`, by every member alike: what feeds watches and the lessor. It must return soon and
 * may read the machine, never change it.
 */
export interface KvObserver extends TokenObserver {
  /** The revision has moved; the events can be read. */
  revised(): void;
  /**
   * History is about to become unreadable, by a compaction to `revision` (which may yet be refused) or, with null, by a restored image:
   * the last moment to read it.
   */
  forgetting(revision: number | null): void;
  /** A lease was granted, or a checkpoint changed what is left of it. */
  leaseSet(lease: KvLease): void;
  leaseRemoved(id: bigint): void;
  /** The whole state was replaced by that of an image. */
  restored(): void;
}

const noObserver: KvObserver = {
  revised: () => {},
  forgetting: () => {},
  leaseSet: () => {},
  leaseRemoved: () => {},
  restored: () => {},
  tokenIssued: () => {},
  tokensRevoked: () => {},
};

/** What may be asked of users, roles and rights; every answer is of the moment. */
export type AuthView = Omit<AuthTable, "apply" | "install" | "pin">;

/**
 * The state machine.
 *
 * @example
 * ```ts
 * import { encodeCommand, KvStateMachine } from "@quorate/kv";
 * import { utf8Encode } from "@quorate/base";
 * const machine = new KvStateMachine();
 * const put = encodeCommand({
 *   type: "put", key: utf8Encode("k"), value: utf8Encode("v"), lease: 0n,
 *   prevKv: false, ignoreValue: false, ignoreLease: false,
 * });
 * machine.apply(put, { index: 1, term: 1 });
 * machine.revision; // 2
 * ```
 */
export class KvStateMachine {
  readonly #options: KvOptions;
  #store: MvccStore;
  #sweeper: Sweeper;
  #lookAhead: LookAhead;
  #pins: Pins = new Pins();
  #members: MemberTable = new Map();
  #leases: LeaseTable = new LeaseTable();
  readonly #auth: AuthTable = new AuthTable();
  #alarms: AlarmList = [];
  #downgradeTarget: string | null = null;
  #observer: KvObserver = noObserver;
  #appliedIndex = 0;
  #appliedTerm = 0;
  /** Whether the last image was begun: nothing changes any more. */
  #ended = false;
  /** Keys attached to a lease, in no order. PERF: made once, not for each command. */
  readonly #leaseKeysOf: LeaseKeys = (lease) =>
    this.#store.attachments.slots(lease).map((slot) => this.#store.keys.key(slot));

  constructor(options: KvOptions = { hashSeed: 0 }) {
    this.#options = options;
    this.#store = new MvccStore(options.hashSeed);
    this.#sweeper = new Sweeper(this.#store);
    this.#lookAhead = new LookAhead(this.#store);
  }

  /** The store's revision. */
  get revision(): Revision {
    return this.#store.revision;
  }

  /** Oldest revision that can be read; −1 when never compacted. */
  get compactRevision(): Revision {
    return this.#store.compactRevision;
  }

  /** Log index of the last applied command. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Term of the last applied command. */
  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  /** Bytes taken from the system for keys, values and their tables: etcd's `dbSize`. */
  get dbSizeBytes(): number {
    return this.#store.allocatedBytes;
  }

  /** Bytes that live data takes: etcd's `dbSizeInUse`, and what an image will about weigh. */
  get liveBytes(): number {
    return this.#store.liveBytes;
  }

  /** Bytes of keys and values, all kept versions of them: what a quota counts. */
  get dataBytes(): number {
    return this.#store.arena.liveBytes;
  }

  /** Users, roles and what they may do. It changes by commands only. */
  get auth(): AuthView {
    return this.#auth;
  }

  /** The alarms that are on, by kind and member. */
  alarms(): readonly KvAlarm[] {
    return this.#alarms;
  }

  /** The version that the cluster is to go down to, as `3.6.0`; null when it is not to. */
  get downgradeTarget(): string | null {
    return this.#downgradeTarget;
  }

  /** What members have published, by ascending id. */
  members(): readonly MemberAttributes[] {
    return [...this.#members.values()];
  }

  /** Sets the one observer of changes, or with null takes it away. */
  observe(observer: KvObserver | null): void {
    assert(observer === null || this.#observer === noObserver, "kv: observed twice");
    this.#observer = observer ?? noObserver;
  }

  /** How many leases exist. */
  get leaseCount(): number {
    return this.#leases.count;
  }

  /** A lease, or null where it does not exist. */
  lease(id: bigint): KvLease | null {
    return this.#leases.get(id);
  }

  /** Up to `countMax` leases with ids above `id`, ascending; null begins at the lowest. */
  leasesAfter(id: bigint | null, countMax: number): readonly KvLease[] {
    return this.#leases.after(id, countMax);
  }

  /** Keys attached to a lease, in order. They are views, to be encoded before the event loop turns. */
  leaseKeys(id: bigint): readonly Uint8Array[] {
    return attachedSlots(this.#store, id).map((slot) => this.#store.keys.key(slot));
  }

  /**
   * Applies one committed command and returns what its proposer is told, refusals included. Views in the result are to be
   * encoded before the event loop turns.
   *
   * @throws UnsupportedFormat for a command of a newer version, DecodeError for a damaged one: both are final.
   */
  apply(command: Uint8Array, context: KvApplyContext): KvResult {
    assert(context.index > this.#appliedIndex, "kv: command applied twice");
    assert(context.term >= this.#appliedTerm, "kv: term goes back");
    assert(!this.#ended, "kv: applied behind the last image");
    const before = this.#store.revision;
    const { principal, command: asked } = decodeSigned(command);
    const result = this.#dispatch(principal, asked, context);
    assert(this.#store.revision <= before + 1, "kv: a command takes at most one revision");
    assert(
      result.type !== "refused" || this.#store.revision === before,
      "kv: a refused command left a trace",
    );
    this.#appliedIndex = context.index;
    this.#appliedTerm = context.term;
    if (this.#store.revision !== before) {
      this.#observer.revised();
    }
    return result;
  }

  /** Reads what these commands, which are applied soon, will read: it is near then. Changes nothing. */
  lookAhead(commands: readonly Uint8Array[]): void {
    this.#lookAhead.see(commands);
  }

  /** Answers a read from local state. Views in the result are to be encoded before the event loop turns. */
  range(request: RangeRequest): RangeResult | KvRefusal {
    return readRange(this.#store, request);
  }

  /** Answers a transaction from local state. It must not write on either branch: writes come as commands. */
  readTxn(txn: TxnRequest): TxnResult | KvRefusal {
    const before = this.#store.revision;
    const result = applyTxn(this.#store, this.#leases, txn);
    assert(this.#store.revision === before, "kv: a read wrote");
    return result;
  }

  /**
   * Begins a read of many keys in slices, at the revision of this moment; later commands do not change what it finds. Close
   * it, or nothing more is swept.
   */
  beginRange(request: RangeRequest): RangeReader | KvRefusal {
    const refused = refuseRevision(this.#store, request.revision);
    if (refused !== null) {
      return { type: "refused", code: refused };
    }
    return new RangeReader(this.#store, request, this.#pins.add(this.#store.compactRevision));
  }

  /**
   * Events from revision `from` on, whole revisions, until there are `eventCountMax` or more: the source of watches. Views
   * are to be encoded before the event loop turns.
   */
  events(from: number, eventCountMax: number): KvEvents | KvRefusal {
    return readEvents(this.#store, from, eventCountMax);
  }

  /** Pins the present state; later commands do not change what the image reads. Close it, or nothing more is swept. */
  snapshot(): KvImage {
    const { revision, compactRevision } = this.#store;
    return this.#imageOf(new HistoryReader(this.#store, compactRevision, revision));
  }

  /** An image of a machine that will apply nothing any more: the store as it lies in memory, which is restored by copying. */
  lastSnapshot(): KvImage {
    this.#ended = true;
    return this.#imageOf(new MemoryReader(this.#store));
  }

  #imageOf(store: HistoryReader | MemoryReader): KvImage {
    const { revision, compactRevision } = this.#store;
    const head = {
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      revision,
      compactRevision,
    };
    const tables = {
      members: this.#members,
      leases: this.#leases.pin(),
      auth: this.#auth.pin(),
      alarms: this.#alarms,
      downgradeTarget: this.#downgradeTarget,
    };
    return new KvImage(head, store, tables, this.#pins.add(compactRevision));
  }

  /** Begins to replace the whole state; the present one stays until `finish`. */
  restore(): KvRestore {
    return new KvRestore(this.#options.hashSeed, (state) => this.#install(state));
  }

  /**
   * Makes this state the beginning of another cluster: who its members were and what ailed them is forgotten. The revision goes up
   * by `bumpBy`, so that none that the old cluster gave out later comes again, and what was before is compacted then.
   */
  beginAnew(bumpBy: number): void {
    assert(Number.isSafeInteger(bumpBy) && bumpBy >= 0, "kv: revision bumped by no number");
    assert(this.#observer === noObserver, "kv: begun anew while it serves");
    this.#members = new Map();
    this.#alarms = [];
    this.#downgradeTarget = null;
    if (bumpBy > 0) {
      const revision = toRevision(this.#store.revision + bumpBy);
      this.#store.raiseRevision(revision);
      this.#store.setCompactRevision(revision);
    }
  }

  /** Begins to hash the history up to `revision` (0 and below: all of it), in slices. */
  beginHash(revision: number): KvHash | KvRefusal {
    const refused = refuseRevision(this.#store, revision);
    if (refused !== null) {
      return { type: "refused", code: refused };
    }
    const { compactRevision } = this.#store;
    const hashRevision = revision > 0 ? toRevision(revision) : this.#store.revision;
    const history = new HistoryReader(this.#store, compactRevision, hashRevision);
    const facts = { type: "hash-kv", revision: this.#store.revision, compactRevision, hashRevision } as const;
    return new KvHash(history, facts, this.#pins.add(compactRevision));
  }

  /** The hash of the history up to `revision` at once: for tests and small stores, {@link beginHash} for the rest. */
  hashKv(revision = 0): HashKvResult | KvRefusal {
    const hash = this.beginHash(revision);
    if (!(hash instanceof KvHash)) {
      return hash;
    }
    let result = hash.step(4096);
    while (result === null) {
      result = hash.step(4096);
    }
    return result;
  }

  /**
   * Frees what compaction hid, looking at about `budgetRecords` records (a millisecond for some thousands), and reports
   * whether more is to be done. It changes no result, so each member calls it at its own pace.
   */
  sweep(budgetRecords: number): boolean {
    // What the last image reads must not move.
    return !this.#ended && this.#sweeper.sweep(budgetRecords, this.#pins.lowest(this.#store.compactRevision));
  }

  /** Checks every invariant of the store: for tests and the simulator, it takes time with the data. */
  check(): void {
    assert(this.#store.compactRevision <= this.#store.revision, "kv: compacted beyond the revision");
    this.#leases.check();
    this.#store.check();
  }

  #install(state: RestoredState): void {
    assert(state.head.appliedIndex >= this.#appliedIndex, "kv: restored state is older");
    this.#observer.forgetting(null);
    this.#store = state.store;
    this.#sweeper = new Sweeper(state.store);
    this.#lookAhead = new LookAhead(state.store);
    // Readers of the old store keep it, and its pins no longer matter.
    this.#pins = new Pins();
    this.#members = state.members;
    this.#leases = state.leases;
    this.#auth.install(state.auth);
    this.#alarms = state.alarms;
    this.#downgradeTarget = state.downgradeTarget;
    this.#appliedIndex = state.head.appliedIndex;
    this.#appliedTerm = state.head.appliedTerm;
    this.#observer.restored();
  }

  #dispatch(principal: Principal | null, command: Command, { index, term }: KvApplyContext): KvResult {
    const denied = refuseByAuth(this.#auth, principal, command, this.#leaseKeysOf);
    if (denied !== null) {
      return { type: "refused", code: denied };
    }
    const alarmed = refuseByAlarm(this.#alarms, command);
    if (alarmed !== null) {
      return { type: "refused", code: alarmed };
    }
    switch (command.type) {
      case "put":
        return applyPut(this.#store, this.#leases, command);
      case "delete-range":
        return applyDeleteRange(this.#store, command);
      case "txn":
        return applyTxn(this.#store, this.#leases, command);
      case "compaction":
        this.#observer.forgetting(command.revision);
        return applyCompaction(this.#store, command);
      case "member-publish":
        this.#members = publishMember(this.#members, command);
        return { type: "member-publish", revision: this.#store.revision };
      case "lease-grant":
        return this.#grant(command);
      case "lease-revoke":
        return this.#revoke(command, term);
      case "lease-checkpoint":
        return applyLeaseCheckpoint(this.#store, this.#leases, command, term, (lease) =>
          this.#observer.leaseSet(lease),
        );
      case "alarm": {
        const { alarms, changed } = applyAlarm(this.#alarms, command);
        this.#alarms = alarms;
        return { type: "alarm", revision: this.#store.revision, alarms: changed };
      }
      case "downgrade":
        return this.#downgrade(command);
      case "auth":
        return this.#auth.apply(command, index, this.#store.revision, this.#observer);
      default:
        return unreachable(command);
    }
  }

  /** ETCD: one at a time; ending one that is not under way is fine. */
  #downgrade({ targetVersion }: DowngradeRequest): KvResult {
    if (targetVersion !== null && this.#downgradeTarget !== null) {
      return { type: "refused", code: "KV_DOWNGRADE_IN_PROCESS" };
    }
    this.#downgradeTarget = targetVersion;
    return { type: "downgrade", revision: this.#store.revision };
  }

  #grant(command: LeaseGrantRequest): KvResult {
    const result = applyLeaseGrant(this.#store, this.#leases, command);
    if (result.type !== "refused") {
      this.#observer.leaseSet(must(this.#leases.get(command.id), "kv: a granted lease is missing"));
    }
    return result;
  }

  #revoke(command: LeaseRevokeRequest, term: number): KvResult {
    const result = applyLeaseRevoke(this.#store, this.#leases, command, term);
    if (result.type !== "refused") {
      this.#observer.leaseRemoved(command.id);
    }
    return result;
  }
}
