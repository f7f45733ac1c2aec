/**
 * How a life of a member begins: the notes of its peers are read, the log is recovered, and the host is put together from the
 * production code and what is simulated beneath it.
 */
import { emptyBytes, type Prng, runTask } from "@quorate/base";
import {
  type Buggify,
  type ConfState,
  type HostEvent,
  type MembershipPolicy,
  type NodeId,
  RaftHost,
  type RefusalCause,
  type StateMachine,
  withEntryCodec,
} from "@quorate/raft";
import { type FileSystem, openWal, type WalStorage } from "@quorate/wal";
import type { EffectBoundary } from "./effect-boundary.ts";
import type { Service } from "./etcd-service.ts";
import type { FaultyDisk } from "./faulty-disk.ts";
import { Incarnation } from "./incarnation.ts";
import type { MemberClock } from "./member-clock.ts";
import type { MemberHealth } from "./member-health.ts";
import { type Life, type MemberParts, peersOf, storesForms } from "./member-parts.ts";
import { MemberTransport } from "./member-transport.ts";
import { ObservedMachine } from "./observed-machine.ts";
import { ObservedStorage } from "./observed-storage.ts";
import { PeerNotes } from "./peer-notes.ts";
import { type MachineResult, machineOf } from "./session-machine.ts";
import { worstChance } from "./swarm.ts";
import { entryCodecOf, type FeatureGates, newerVersion, olderVersion } from "./versions.ts";

/** What stands under all lives of one member. */
export interface Machinery {
  readonly disk: FaultyDisk;
  readonly clock: MemberClock;
  readonly boundary: EffectBoundary;
  readonly health: MemberHealth;
}

/** What is told of a life while it lasts. */
interface LifeEvents {
  /** Runs a piece of the process and looks at the member afterwards. */
  readonly step: (work: () => void) => void;
  /** The disk could not be read. */
  readonly recoveryFailed: (life: Life, error: Error | null) => void;
  /** The host cannot go on. */
  readonly fatal: (life: Life, error: Error) => void;
  readonly observed: (life: Life, event: HostEvent) => void;
  /** A member that stops begins the image that it leaves. */
  readonly lastImage: (life: Life) => void;
  /** The clock beats, for the `count`-th time in this life. */
  readonly ticked: (life: Life, storage: WalStorage, count: number) => void;
  /** A handshake was refused, on either side. */
  readonly refused: (peer: NodeId, cause: RefusalCause) => void;
}

/** One per member. */
export class MemberStart {
  readonly #parts: MemberParts;
  readonly #machinery: Machinery;
  readonly #events: LifeEvents;
  readonly #versionRandom: Prng;
  #lifeCount = 0;
  /** Of whom it was once told where they are reached; null before the first life. */
  #addresses: readonly NodeId[] | null = null;
  #version: FeatureGates = newerVersion;

  constructor(parts: MemberParts, machinery: Machinery, events: LifeEvents) {
    this.#parts = parts;
    this.#machinery = machinery;
    this.#events = events;
    this.#versionRandom = parts.world.random.stream(`version-${parts.id}`);
  }

  /** A new process, in which nothing has run yet. */
  begin(): Life {
    const { id, oracle, watch, world } = this.#parts;
    this.#lifeCount++;
    world.log(`start ${id} life ${this.#lifeCount}`);
    const process = new Incarnation(world, this.#events.step);
    const version = this.#nextVersion();
    const life: Life = {
      number: this.#lifeCount,
      process,
      machine: world.machine?.(id, oracle, watch) ?? new ObservedMachine(id, oracle, watch),
      transport: this.#transport(process, (error) => {
        // A note about a peer that is not on the disk ends the real process, its host and its log with it.
        this.#events.fatal(life, error);
        process.kill();
      }),
      version,
      host: null,
      service: null,
      notes: null,
      stopped: false,
      stopTrouble: null,
      lastImage: "none",
    };
    return life;
  }

  #transport(process: Incarnation, failed: (error: Error) => void): MemberTransport {
    const { id, network, oracle, reset, watch, world } = this.#parts;
    return new MemberTransport({
      id,
      world,
      random: world.random.stream(`transport-${id}-${this.#lifeCount}`),
      process,
      network,
      oracle,
      watch,
      boundary: this.#machinery.boundary,
      reset: (from) => reset(id, from),
      refused: this.#events.refused,
      failed,
    });
  }

  /** Of a new process: another one than the last where versions are mixed, as often as not. */
  #nextVersion(): FeatureGates {
    const { faults, plan } = this.#parts;
    if (!plan.mixedVersions || this.#versionRandom.chance(0.5)) {
      return this.#version;
    }
    const isNewer = this.#version.name === "newer";
    faults.add(isNewer ? "member-downgraded" : "member-upgraded");
    this.#version = isNewer ? olderVersion : newerVersion;
    return this.#version;
  }

  /** Reads the disk, inside the process; then the host runs. */
  recover(life: Life): void {
    this.#machinery.health.opens();
    const files = this.#machinery.disk.mount(life.process);
    runTask(PeerNotes.open(files), (error, notes) => {
      if (notes === undefined) {
        this.#events.recoveryFailed(life, error);
      } else {
        life.notes = notes;
        this.#openLog(life, files, notes);
      }
    });
  }

  #openLog(life: Life, fileSystem: FileSystem, notes: PeerNotes): void {
    const { confState, id, plan } = this.#parts;
    const bootstrap = {
      storeId: storeId(id, this.#machinery.disk.number),
      confState,
      application: emptyBytes,
    };
    openWal(
      {
        fileSystem,
        clusterId,
        nodeId: id,
        bootstrap,
        // As the real member does where there are others to be repaired from.
        onDamage: plan.nodeCount > 1 || peersOf(this.#parts).length > 0 ? "set-aside" : "refuse",
        buggify: this.#buggify(),
        segmentBytes: plan.segmentBytes,
        windowBytesMax: plan.windowBytesMax,
        batchBytesMax: plan.batchBytesMax,
      },
      (error, storage) => {
        if (error !== null || storage === undefined) {
          this.#events.recoveryFailed(life, error);
          return;
        }
        this.#recovered(storage);
        this.#identify(life, notes, storage.metadata.storeId);
        this.#run(life, storage);
      },
    );
  }

  #recovered(storage: WalStorage): void {
    const { faults, id, oracle, watch, world } = this.#parts;
    const { initial, voteFloor } = storage;
    const { confState, hardState } = initial;
    world.log(
      `recovered ${id} t${hardState.term} v${hardState.vote} ${storage.firstIndex}..${storage.lastIndex}`,
    );
    const { health } = this.#machinery;
    const damage = health.damage();
    health.opened(voteFloor !== null);
    if (voteFloor !== null) {
      world.log(`floor ${id} ${JSON.stringify(voteFloor)}`);
      faults.add("log-set-aside");
    }
    watch.check(() => {
      oracle.recovered(id, storage, hardState, { floor: voteFloor, damage });
      oracle.configured(id, storage, confState);
    });
  }

  #identify(life: Life, notes: PeerNotes, store: Uint8Array): void {
    const { id } = this.#parts;
    const bootId = new Uint8Array(16).fill(life.number);
    // The members of the day on which it was set up: whoever runs it does not change its flags with each change of the membership.
    this.#addresses ??= peersOf(this.#parts);
    life.transport.identify({
      identity: { id, clusterId, storeId: store, bootId },
      notes,
      disk: this.#machinery.disk.number,
      peers: this.#addresses,
      versionsAhead: life.version.wireVersionsAhead,
    });
  }

  #run(life: Life, storage: WalStorage): void {
    const { id, world } = this.#parts;
    const { clock } = this.#machinery;
    const host = this.#host(life, storage);
    host.start((error) => {
      if (error === null) {
        world.log(`running ${id}`);
        life.host = host;
        life.service = this.#serve(life, host, storage.initial.confState);
        clock.start(life.process, (count) => this.#events.ticked(life, storage, count));
      }
    });
  }

  #host(life: Life, storage: WalStorage): RaftHost<MachineResult> {
    const { id, oracle, plan, watch, world } = this.#parts;
    const { process, transport, version } = life;
    const { protocol } = world;
    const random = world.random.stream(`host-${id}-${life.number}`);
    return new RaftHost<MachineResult>({
      id,
      storage: new ObservedStorage(id, storage, oracle, watch, process, () => this.#machinery.disk.logEnd),
      transport,
      scheduler: {
        defer: (work) => process.schedule(0, work),
        after: (delayMs, work) => process.schedule(delayMs, work),
      },
      buggify: this.#buggify(),
      failOver: version.failsOver && this.#failsOver() ? { spreadMs: 40 } : null,
      stateMachine: this.#withBoundary(life, this.#withForms(machineOf(life.machine, plan.sessions))),
      random: (low, high) => random.integer(low, high),
      core: {
        electionTimeoutTicks: plan.electionTimeoutTicks,
        heartbeatTicks: plan.heartbeatTicks,
        appendBytesMax: plan.appendBytesMax,
        inflightCountMax: plan.inflightCountMax,
        preVote: plan.preVote,
        checkQuorum: plan.checkQuorum,
        readMode: plan.leaseReads ? "lease" : "safe",
      },
      lease: { nowMs: () => this.#machinery.clock.nowMs(), tickMs: plan.tickMs, driftMax: 0.11 },
      limits: { snapshotChunkBytes: plan.snapshotChunkBytes },
      snapshots: {
        entryCountMax: plan.snapshotEntryCount,
        trailingEntryCount: plan.trailingEntryCount,
        ...(plan.stopLogBytesMin === null ? {} : { stopLogBytesMin: plan.stopLogBytesMin }),
      },
      membership: this.#membershipPolicy(),
      onEvent: (event) => this.#events.observed(life, event),
      onFatal: (error) => this.#events.fatal(life, error),
      trace: protocol === null ? null : { time: () => world.nowMs, sink: protocol },
    });
  }

  #withForms(machine: StateMachine<MachineResult>): StateMachine<MachineResult> {
    return storesForms(this.#parts.plan) ? withEntryCodec(machine, entryCodecOf(newerVersion)) : machine;
  }

  #withBoundary(life: Life, machine: StateMachine<MachineResult>): StateMachine<MachineResult> {
    const { boundary } = this.#machinery;
    return {
      apply: (command, context) => boundary.pass("apply", () => machine.apply(command, context)),
      ...(machine.lookAhead === undefined ? {} : { lookAhead: (commands) => machine.lookAhead?.(commands) }),
      snapshot: () => machine.snapshot(),
      lastSnapshot: () => {
        this.#events.lastImage(life);
        return machine.lastSnapshot?.() ?? machine.snapshot();
      },
      restore: () => machine.restore(),
    };
  }

  #serve(life: Life, host: RaftHost<MachineResult>, confState: ConfState): Service | null {
    const { id, serve } = this.#parts;
    const { process } = life;
    const nowMs = (): number => this.#machinery.clock.nowMs();
    const machine = life.machine.kv;
    return serve?.({ id, life: life.number, host, machine, process, confState, nowMs }) ?? null;
  }

  /** The places that are at their worst now and then, where the seed has it so. */
  #buggify(): Buggify | null {
    const { faults, id, network, plan, world } = this.#parts;
    if (plan.buggified.length === 0) {
      return null;
    }
    const random = world.random.stream(`buggify-${id}-${this.#lifeCount}`);
    return (point) => {
      const isDrawn = plan.buggified.includes(point) && random.chance(worstChance(point));
      // A chunk that is dropped is the network's fault, and a healed one has none: each costs the time of sending again.
      const isWorst = isDrawn && !(point === "snapshot-chunk-dropped" && network.isHealed);
      if (isWorst) {
        faults.add(`buggify-${point}`);
      }
      return isWorst;
    };
  }

  #membershipPolicy(): MembershipPolicy {
    const plan = this.#parts.plan.membership;
    return plan === null
      ? {}
      : { strictQuorum: plan.strictQuorum, promotionMarginEntryCount: plan.promotionMarginEntryCount };
  }

  /** In half of the worlds in which it may be, the same for all members. */
  #failsOver(): boolean {
    const { plan, world } = this.#parts;
    return (
      plan.preVote && plan.checkQuorum && !plan.leaseReads && world.random.stream("fail-over").chance(0.5)
    );
  }
}

/** All members are of one cluster. */
const clusterId = 1;

/** Each disk that a member ever has makes a store of its own. */
function storeId(id: NodeId, diskNumber: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(id);
  bytes[15] = diskNumber;
  return bytes;
}
