/**
 * One member over all its lives: a disk that stays, and a process that starts, is paused, crashes and starts again. The
 * process is the production code, storage with its recovery, host loop, state machine, wire codec; only what is beneath it
 * is simulated.
 */
import { ByteWriter, emptyBytes, must, type Prng, runTask } from "@quorate/base";
import { writeOnBehalf } from "@quorate/kv";
import {
  type Buggify,
  type ConfState,
  encodeSessionCommand,
  type HostEvent,
  type MembershipChange,
  type MembershipOutcome,
  type MembershipPolicy,
  type NodeId,
  type ProposalOutcome,
  RaftHost,
  type RefusalCause,
  type StateMachine,
  StorageError,
  withEntryCodec,
} from "@quorate/raft";
import { FileError, type FileSystem, openWal, type WalStorage } from "@quorate/wal";
import type { CrashMode, MemoryFileSystem } from "@quorate/wal/testing";
import type { ObservedStatus, Oracle } from "./checkers/oracle.ts";
import { damages, spoilBothSlots } from "./disk-damage.ts";
import { type Effect, EffectBoundary } from "./effect-boundary.ts";
import type { Service, ServiceParts } from "./etcd-service.ts";
import type { FaultCount, FaultKind } from "./fault-count.ts";
import { FaultyDisk, type Moment } from "./faulty-disk.ts";
import { Incarnation, ProcessEnded } from "./incarnation.ts";
import { MemberClock } from "./member-clock.ts";
import { MemberHealth } from "./member-health.ts";
import { MemberTransport } from "./member-transport.ts";
import type { FrameState, Network } from "./network.ts";
import { encodePut, ObservedMachine } from "./observed-machine.ts";
import { ObservedStorage } from "./observed-storage.ts";
import { PeerNotes } from "./peer-notes.ts";
import { type MachineResult, machineOf } from "./session-machine.ts";
import type { SeedPlan } from "./swarm.ts";
import { entryCodecOf, type FeatureGates, newerVersion, olderVersion } from "./versions.ts";
import { promise, Violation } from "./violation.ts";
import type { Watch } from "./watch.ts";
import type { PutAnswer, ReadAnswer } from "./workload.ts";
import type { World } from "./world.ts";

/** What a member shares with the rest of its world. */
interface MemberParts {
  readonly id: NodeId;
  /** The first configuration; empty for one that joins. */
  readonly confState: ConfState;
  readonly world: World;
  readonly plan: SeedPlan;
  readonly faults: FaultCount;
  readonly watch: Watch;
  readonly oracle: Oracle;
  readonly network: Network;
  /** Puts an API above each life; null in a world without. */
  readonly serve: ((parts: ServiceParts) => Service) | null;
  /** Tells the others that the process of `id` is gone, as far as they reach its machine. */
  readonly ended: (id: NodeId) => void;
  /** Whether `peer` is reached, and refuses `id` because it was removed. */
  readonly refused: (id: NodeId, peer: NodeId) => boolean;
  /** Ends the connection on which `from` speaks to `by`, where that reaches it. */
  readonly reset: (by: NodeId, from: NodeId) => void;
  /** Whether the disk of a member is not its first one. */
  readonly isWiped: (id: NodeId) => boolean;
  /** Members of the newest configuration: whoever starts a member gives it their addresses. */
  readonly members: () => readonly NodeId[];
}

/** One life: what is gone with the process. */
interface Life {
  readonly process: Incarnation;
  readonly machine: ObservedMachine;
  readonly transport: MemberTransport;
  readonly version: FeatureGates;
  host: RaftHost<MachineResult> | null;
  service: Service | null;
  /** Null until they were read. */
  notes: PeerNotes | null;
  /** Whether the host has stopped by itself, as after a failed disk. */
  stopped: boolean;
}

/** See the head of this file. */
export class Member {
  readonly id: NodeId;
  readonly disk: FaultyDisk;
  readonly health: MemberHealth;
  readonly #parts: MemberParts;
  readonly #random: Prng;
  readonly #failOverRandom: Prng;
  readonly #clock: MemberClock;
  readonly #boundary: EffectBoundary;
  readonly #damageRandom: Prng;
  readonly #versionRandom: Prng;
  #image: { readonly files: MemoryFileSystem; readonly last: number } | null = null;
  #life: Life | null = null;
  #lifeCount = 0;
  #version: FeatureGates = newerVersion;
  /** Counts the disks that this member had. */
  #diskNumber = 1;
  #retired = false;
  #discarded = false;
  #snapshotCount = 0;

  constructor(parts: MemberParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.#random = parts.world.random.stream(`member-${parts.id}`);
    this.#versionRandom = parts.world.random.stream(`version-${parts.id}`);
    this.#damageRandom = parts.world.random.stream(`damage-${parts.id}`);
    this.#failOverRandom = parts.world.random.stream(`fail-over-${parts.id}`);
    const rate = 1 - parts.plan.clockSpread / 2 + this.#random.fraction() * parts.plan.clockSpread;
    this.#clock = new MemberClock(parts.world, parts.plan.tickMs, rate);
    this.#boundary = new EffectBoundary(parts.faults, () => this.#powerLost());
    this.disk = new FaultyDisk(
      parts.world,
      parts.world.random.stream(`disk-${parts.id}`),
      parts.plan.disk,
      parts.faults,
      { powerLost: () => this.#powerLost(), failed: () => parts.oracle.diskFailed(parts.id) },
    );
    this.health = new MemberHealth(this.disk);
  }

  /** Starts the process where none runs; one that stopped by itself is replaced. */
  restart(): boolean {
    if (this.#retired || this.health.isBroken) {
      return false;
    }
    if (this.#life !== null) {
      if (!this.#life.stopped) {
        return false;
      }
      this.crash();
    }
    this.#start();
    return true;
  }

  /** The process and the machine under it are gone at once. False when nothing runs. */
  crash(): boolean {
    return this.#end("crash", this.#random.pick(crashModes));
  }

  #end(how: "crash" | "exit", mode: CrashMode): boolean {
    if (this.#life === null) {
      return false;
    }
    this.#parts.world.log(`${how} ${this.id}`);
    this.#snapshotCount += this.#life.machine.snapshotCount;
    this.#life.process.kill();
    this.#life.service?.ended();
    this.#clock.stop();
    this.#boundary.disarm();
    this.#life = null;
    this.#parts.ended(this.id);
    this.disk.crash(mode);
    return true;
  }

  /** A clean stop; the process exits when its host has finished, and a service manager starts it again. */
  stop(): boolean {
    const life = this.#life;
    const host = life?.host ?? null;
    if (life === null || host === null || life.process.isPaused || host.state !== "running") {
      return false;
    }
    this.#parts.world.log(`stop ${this.id}`);
    life.process.enter(() => {
      life.service?.stop();
      host.stop({ transfer: this.#random.chance(0.8) }, (error) => {
        if (error !== null) {
          this.#fatal(life, error);
        } else {
          this.#end("exit", "keep");
          this.#superviseRestart();
        }
      });
    });
    return true;
  }

  /** Whether a process runs, paused or not. */
  get isAlive(): boolean {
    return this.#life !== null && !this.#life.stopped;
  }

  /** Whether its machine was taken away. */
  get isDiscarded(): boolean {
    return this.#discarded;
  }

  /** The machine is taken away, for good. */
  discard(): void {
    this.#discarded = true;
    this.#retired = true;
    this.crash();
  }

  /** Whether a member is at rest or at work, and not on its way between the two. */
  get #isSettled(): boolean {
    return this.#life === null || (this.#life.host !== null && !this.#life.stopped);
  }

  /** Damages the disk; whether there was something to damage. */
  damage(kind: FaultKind): boolean {
    if (!this.#isSettled || (kind.startsWith("slot") && this.health.hasBadSlot)) {
      return false;
    }
    const scars = damages[kind]?.(this.disk.damaged(this.#damageRandom)) ?? [];
    this.health.wounded(scars);
    for (const { bytes, offset, path } of scars) {
      this.#parts.world.log(`damage ${this.id} ${kind} ${path} ${offset} ${bytes.length}`);
    }
    return scars.length > 0;
  }

  /** Damages both slots and ends the process: the vote is gone. False where that is not possible now. */
  loseSlots(): boolean {
    if (!this.#isSettled || this.health.hasBadSlot) {
      return false;
    }
    const scars = spoilBothSlots(this.disk.damaged(this.#damageRandom));
    this.health.wounded(scars);
    if (scars.length > 0) {
      this.crash();
      this.#superviseRestart();
    }
    return scars.length > 0;
  }

  /** Empties the disk, and lets the member start under its old id. False where it is on its way up or down. */
  wipe(): boolean {
    if (!this.#isSettled) {
      return false;
    }
    this.#parts.world.log(`wipe ${this.id}`);
    this.crash();
    this.disk.replace(null);
    this.#diskNumber++;
    this.health.broke("lost");
    this.#parts.oracle.forgets(this.id);
    this.#start();
    return true;
  }

  /** Whether its disk is not the first one. */
  get isWiped(): boolean {
    return this.#diskNumber > 1;
  }

  /** Keeps a copy of the disk of a member at work. */
  keepImage(): void {
    if (this.status() !== null) {
      this.#image = { files: this.disk.image(), last: this.#parts.oracle.durableLast(this.id) };
    }
  }

  /** Sets the disk back to the copy, where that lacks what was acknowledged up to `acknowledged`. */
  setBack(acknowledged: number): boolean {
    const image = this.#image;
    if (!this.#isSettled || image === null || image.last >= acknowledged) {
      return false;
    }
    this.#parts.world.log(`set back ${this.id} to ${image.last}, acknowledged ${acknowledged}`);
    this.crash();
    this.disk.replace(image.files);
    this.health.broke("set-back");
    this.#parts.oracle.forgets(this.id);
    this.#start();
    return true;
  }

  /** Whether this member has noted the disk of `peer`. */
  hasMet(peer: NodeId): boolean {
    return this.#life?.notes?.expected(peer) != null;
  }

  /** Up to where this member, as the leader, holds acknowledgements of `peer`. */
  matchOf(peer: NodeId): number | null {
    const core = this.status() === null ? null : (this.#life?.host?.unsafeCore ?? null);
    return core?.status().progress.find(({ id }) => id === peer)?.match ?? null;
  }

  /** Whether it was removed and has learnt of it: it stops for good. */
  get isRetired(): boolean {
    return this.#retired;
  }

  /** Whether the running process refuses connections of `peer`. */
  refuses(peer: NodeId): boolean {
    const life = this.#life;
    return life !== null && !life.stopped && !life.process.isPaused && life.transport.refuses(peer);
  }

  /** As the real process does: it finishes its turn, stops, and does not come back. */
  #retire(life: Life, why: string): void {
    if (this.#retired) {
      return;
    }
    this.#retired = true;
    this.#parts.faults.add("member-retired");
    this.#parts.world.log(`retire ${this.id} ${why}`);
    life.process.schedule(0, () => {
      if (life.host !== null && life.host.state === "running") {
        life.service?.stop();
        life.host.stop({ transfer: false }, () => this.#end("exit", "keep"));
      }
    });
  }

  /** A connection to each peer is tried now and then; a former member is told so by whoever knows. */
  #dial(life: Life): void {
    const host = life.host;
    if (host === null || host.state !== "running") {
      return;
    }
    const by = host.status().members.find(({ id }) => id !== this.id && this.#parts.refused(this.id, id));
    if (by !== undefined) {
      this.#retire(life, `told by ${by.id}`);
    }
  }

  /** Whom the running process takes for members; nobody while it does not run. */
  knownMembers(): readonly NodeId[] {
    return this.status() === null ? [] : (this.#life?.host?.status().members ?? []).map(({ id }) => id);
  }

  /** Asks for a change of the membership. */
  changeMembers(change: MembershipChange, answered: (outcome: MembershipOutcome) => void): void {
    const life = this.#life;
    life?.process.enter(() => {
      life.host?.changeMembers(change, (outcome) => this.#tell(life, () => answered(outcome)));
    });
  }

  /** Asks that leadership be handed over. */
  handOver(to: NodeId | null, done: (isDone: boolean) => void): void {
    const life = this.#life;
    life?.process.enter(() => {
      life.host?.handOver(to, (outcome) => this.#tell(life, () => done(outcome.kind === "done")));
    });
  }

  /** What happens inside, as far as the checkers care. Of its removal a member is to hear from another one before it stops. */
  #observe(life: Life, event: HostEvent): void {
    const { oracle, watch } = this.#parts;
    if (!life.process.isAlive) {
      return;
    }
    if (event.type === "conf-state") {
      watch.check(() => oracle.configurations.applied(this.id, event.index, event.confState));
    } else if (event.type === "snapshot-installed") {
      const { confState, index } = event.snapshot;
      watch.check(() => oracle.configurations.installed(this.id, index, confState));
    }
    if (event.type === "log-repaired") {
      this.#parts.faults.add("log-repaired");
      this.health.repaired();
      watch.check(() => oracle.repaired(this.id));
    }
    life.service?.observe(event);
  }

  pause(): boolean {
    const process = this.#life?.process;
    if (process === undefined || process.isPaused) {
      return false;
    }
    this.#parts.world.log(`pause ${this.id}`);
    process.pause();
    return true;
  }

  resume(): boolean {
    const process = this.#life?.process;
    if (process === undefined || !process.isPaused) {
      return false;
    }
    this.#parts.world.log(`resume ${this.id}`);
    process.resume();
    return true;
  }

  /** Lets the clock run so many times as fast as it did at first. */
  setClockSpeed(speed: number): void {
    this.#clock.setSpeed(speed);
  }

  /** Lets the clock leap ahead. False when no process looks at it. */
  jumpClock(ms: number): boolean {
    if (this.#life === null) {
      return false;
    }
    this.#parts.world.log(`clock ${this.id} +${ms}`);
    this.#clock.leap(ms);
    return true;
  }

  /** Ends the process next to one of its effects to come. */
  crashAtEffect(effect: Effect, count: number, moment: Moment): void {
    this.#boundary.arm(effect, count, moment);
  }

  /** The disk is fast and has room, and no crash waits. */
  calm(): void {
    this.disk.setSlow(false);
    this.disk.setRoom(null);
    this.disk.disarm();
    this.#boundary.disarm();
  }

  /** A frame from the network. */
  receive(from: NodeId, bytes: Uint8Array, state: FrameState, disk: number): void {
    const life = this.#life;
    life?.process.enter(() => life.transport.received(from, bytes, state, disk));
  }

  /** The connection to `peer` ended. */
  loseConnection(peer: NodeId): void {
    const life = this.#life;
    life?.process.enter(() => life.transport.lost(peer));
  }

  /** The connections to `peer` ended, and its address refuses new ones. */
  hearOfEnd(peer: NodeId): void {
    const life = this.#life;
    life?.process.schedule(this.#failOverRandom.integer(0, 20), () => life.transport.gone(peer));
  }

  /** Proposes a put; a member that is down never answers, nor does one that dies before it has. */
  put(key: string, value: string, answered: (answer: PutAnswer) => void): void {
    const command = this.#ownCommand(encodePut(key, value));
    const bytes = this.#parts.plan.sessions ? encodeSessionCommand({ kind: "plain", command }) : command;
    this.propose(bytes, (outcome) => answered(putAnswer(outcome)));
  }

  /** The register belongs to the members: where access control may be on, it stands for no user. */
  #ownCommand(command: Uint8Array): Uint8Array {
    if ((this.#parts.plan.etcd?.userCount ?? 0) === 0) {
      return command;
    }
    const writer = new ByteWriter(command.length + 8);
    writeOnBehalf(writer, { kind: "server" }, command);
    return writer.finish();
  }

  /** Proposes what stands for a command here; never answers as {@link put}. */
  propose(bytes: Uint8Array, done: (outcome: ProposalOutcome<MachineResult>) => void): void {
    const life = this.#life;
    life?.process.enter(() => {
      const stored = this.#storesForms ? entryCodecOf(life.version).encode(bytes) : bytes;
      life.host?.propose(stored, (outcome) => this.#tell(life, () => done(outcome)));
    });
  }

  /** A linearizable read. */
  read(key: string, answered: (answer: ReadAnswer) => void): void {
    const life = this.#life;
    life?.process.enter(() => {
      life.host?.read((outcome) =>
        this.#tell(life, () =>
          answered(
            outcome.kind === "ready"
              ? { kind: "value", value: life.machine.valueAt(key) }
              : { kind: "refused" },
          ),
        ),
      );
    });
  }

  /** An answer to somebody outside; a process that has ended gives none. */
  #tell(life: Life, answer: () => void): void {
    if (life.process.isAlive) {
      this.#parts.watch.check(answer);
    }
  }

  /** What the member says of itself; null while it is down, paused, recovering or stopped. */
  status(): ObservedStatus | null {
    const life = this.#life;
    if (life === null || life.host === null || life.stopped || life.process.isPaused) {
      return null;
    }
    return observe(life.host);
  }

  /** What the running process has not finished, in words. */
  waiting(): readonly string[] {
    const status = must(this.#life?.host ?? null, "member: does not run").status();
    const appends = status.progress.reduce((sum, { inflightCount }) => sum + inflightCount, 0);
    const counts: readonly (readonly [number, string])[] = [
      [status.pendingProposalCount, "proposals"],
      [status.persistingCount, "batches on their way to the disk"],
      [status.snapshotTransferCount, "images on their way"],
      [appends, "appends on their way"],
    ];
    return counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  }

  /** The state machine of the running process. */
  machine(): ObservedMachine {
    return must(this.#life, "member: machine of a process that does not run").machine;
  }

  /** Snapshots taken so far. */
  get snapshotCount(): number {
    return this.#snapshotCount + (this.#life?.machine.snapshotCount ?? 0);
  }

  /** For reports: one line. */
  describe(): string {
    const status = this.status();
    return status === null
      ? `${this.id}: ${this.#life === null ? "down" : "not running"}`
      : `${this.id}: ${status.role} of term ${status.term}, commit ${status.commit}, applied ${status.applied}`;
  }

  #start(): void {
    const { world, oracle, watch, network } = this.#parts;
    this.#lifeCount++;
    world.log(`start ${this.id} life ${this.#lifeCount}`);
    const process = new Incarnation(world, (work) => this.#step(work));
    const random = world.random.stream(`transport-${this.id}-${this.#lifeCount}`);
    const boundary = this.#boundary;
    const version = this.#nextVersion();
    const transport = new MemberTransport({
      id: this.id,
      world,
      random,
      process,
      network,
      oracle,
      watch,
      boundary,
      reset: (from) => this.#parts.reset(this.id, from),
      refused: (peer, cause) => this.#refused(peer, cause),
      failed: (error) => {
        // A note about a peer that is not on the disk ends the real process, its host and its log with it.
        this.#fatal(life, error);
        process.kill();
      },
    });
    const machine = world.machine?.(this.id, oracle, watch) ?? new ObservedMachine(this.id, oracle, watch);
    const life: Life = {
      process,
      machine,
      transport,
      host: null,
      version,
      notes: null,
      service: null,
      stopped: false,
    };
    this.#life = life;
    process.enter(() => this.#openNotes(life));
  }

  #openNotes(life: Life): void {
    const files = this.disk.mount(life.process);
    runTask(PeerNotes.open(files), (error, notes) => {
      if (notes === undefined) {
        this.#recoveryFailed(life, error);
      } else {
        life.notes = notes;
        this.#recover(life, files, notes);
      }
    });
  }

  #recover(life: Life, files: FileSystem, notes: PeerNotes): void {
    const { plan, oracle, watch, world } = this.#parts;
    openWal(
      {
        fileSystem: files,
        clusterId,
        nodeId: this.id,
        bootstrap: {
          storeId: storeId(this.id, this.#diskNumber),
          confState: this.#parts.confState,
          application: emptyBytes,
        },
        // As the real member does where there are others to be repaired from.
        onDamage: plan.nodeCount > 1 || this.#peers.length > 0 ? "set-aside" : "refuse",
        buggify: this.#buggify(),
        segmentBytes: plan.segmentBytes,
        windowBytesMax: plan.windowBytesMax,
        batchBytesMax: plan.batchBytesMax,
      },
      (error, storage) => {
        if (error !== null || storage === undefined) {
          this.#recoveryFailed(life, error);
          return;
        }
        const { hardState } = storage.initial;
        world.log(
          `recovered ${this.id} t${hardState.term} v${hardState.vote} ${storage.firstIndex}..${storage.lastIndex}`,
        );
        const { voteFloor } = storage;
        this.health.opened(voteFloor !== null);
        if (voteFloor !== null) {
          world.log(`floor ${this.id} ${JSON.stringify(voteFloor)}`);
          this.#parts.faults.add("log-set-aside");
        }
        watch.check(() => {
          oracle.recovered(this.id, storage, hardState, voteFloor);
          oracle.configured(this.id, storage, storage.initial.confState);
        });
        const bootId = new Uint8Array(16).fill(this.#lifeCount);
        const identity = { id: this.id, clusterId, storeId: storage.metadata.storeId, bootId };
        life.transport.identify({
          identity,
          notes,
          disk: this.#diskNumber,
          peers: this.#peers,
          versionsAhead: life.version.wireVersionsAhead,
        });
        this.#run(life, storage);
      },
    );
  }

  /** Only what we did to the disk may keep a member from coming back. */
  #recoveryFailed(life: Life, error: Error | null): void {
    life.stopped = true;
    this.#parts.world.log(`recovery failed ${this.id} ${error?.message}`);
    const remedy = isDiskFailure(error) ? "start-again" : this.health.afterRefusedStart(error);
    if (remedy === "replace") {
      this.#parts.faults.add("start-refused");
      this.health.broke("lost");
    } else {
      this.#superviseRestart();
    }
    if (remedy === null) {
      throw this.#parts.watch.note(
        new Violation("recovery", `node ${this.id} does not come back: ${error?.message}`, { cause: error }),
      );
    }
  }

  #run(life: Life, storage: WalStorage): void {
    const { plan, oracle, watch, world } = this.#parts;
    const random = world.random.stream(`host-${this.id}-${this.#lifeCount}`);
    const host = new RaftHost<MachineResult>({
      id: this.id,
      storage: new ObservedStorage(this.id, storage, oracle, watch, life.process),
      transport: life.transport,
      scheduler: {
        defer: (work) => life.process.schedule(0, work),
        after: (delayMs, work) => life.process.schedule(delayMs, work),
      },
      buggify: this.#buggify(),
      failOver: life.version.failsOver && this.#failsOver() ? { spreadMs: 40 } : null,
      stateMachine: this.#withBoundary(this.#withForms(machineOf(life.machine, plan.sessions))),
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
      lease: { nowMs: () => this.#clock.nowMs(), tickMs: plan.tickMs, driftMax: 0.11 },
      limits: { snapshotChunkBytes: plan.snapshotChunkBytes },
      snapshots: { entryCountMax: plan.snapshotEntryCount, trailingEntryCount: plan.trailingEntryCount },
      membership: this.#membershipPolicy(),
      onEvent: (event) => this.#observe(life, event),
      onFatal: (error) => this.#fatal(life, error),
      trace: world.protocol === null ? null : { time: () => world.nowMs, sink: world.protocol },
    });
    host.start((error) => {
      if (error === null) {
        world.log(`running ${this.id}`);
        life.host = host;
        life.service = this.#serve(life, host, storage.initial.confState);
        this.#clock.start(life.process, (count) => this.#tick(life, storage, count));
      }
    });
  }

  /** Whether entries stand in the log in one form or another. The API of etcd proposes without this member. */
  get #storesForms(): boolean {
    const { plan } = this.#parts;
    return plan.mixedVersions && plan.etcd === null;
  }

  #withForms(machine: StateMachine<MachineResult>): StateMachine<MachineResult> {
    return this.#storesForms ? withEntryCodec(machine, entryCodecOf(newerVersion)) : machine;
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

  #withBoundary(machine: StateMachine<MachineResult>): StateMachine<MachineResult> {
    return {
      apply: (command, context) => this.#boundary.pass("apply", () => machine.apply(command, context)),
      snapshot: () => machine.snapshot(),
      restore: () => machine.restore(),
    };
  }

  #serve(life: Life, host: RaftHost<MachineResult>, confState: ConfState): Service | null {
    const { serve } = this.#parts;
    const { process } = life;
    const nowMs = (): number => this.#clock.nowMs();
    const { id } = this;
    const machine = life.machine.kv;
    return serve?.({ id, life: this.#lifeCount, host, machine, process, confState, nowMs }) ?? null;
  }

  /** Each place is at its worst one time in twenty where the seed has it so. */
  #buggify(): Buggify | null {
    const { faults, plan, world } = this.#parts;
    if (plan.buggified.length === 0) {
      return null;
    }
    const random = world.random.stream(`buggify-${this.id}-${this.#lifeCount}`);
    return (point) => {
      const isWorst = plan.buggified.includes(point) && random.chance(0.05);
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

  /** The host cannot go on: right after a disk error, a broken promise at any other time. */
  #fatal(life: Life, error: Error): void {
    if (!life.process.isAlive) {
      return; // The machine was gone before the process could say so.
    }
    life.stopped = true;
    this.#parts.world.log(`fatal ${this.id} ${error.message}`);
    const remedy = isDiskFailure(error) ? "start-again" : this.health.afterEnd(error);
    if (remedy === "replace") {
      this.#parts.faults.add("set-back-disk-refused");
    } else {
      this.#superviseRestart();
    }
    if (remedy === null) {
      this.#parts.watch.note(error);
    }
  }

  get #peers(): readonly NodeId[] {
    return this.#parts.members().filter((id) => id !== this.id);
  }

  /**
   * A member of today's configuration is a stranger here: this member has missed the change that brought it, and knows no address. As
   * docs/simulator.md says under "What stays open", it is started again with today's addresses.
   */
  #startWithAddresses(): void {
    const life = this.#life;
    const { plan, world } = this.#parts;
    world.schedule(2 * plan.electionTimeoutTicks * plan.tickMs, () => {
      if (life !== null && this.#life === life && !this.health.isBroken && this.#isLeftOut(life)) {
        world.log(`addresses ${this.id}`);
        this.crash();
        this.restart();
      }
    });
  }

  #isLeftOut(life: Life): boolean {
    return this.#parts.members().includes(this.id) && this.#peers.some((peer) => !life.transport.knows(peer));
  }

  /** A handshake was refused, on either side. */
  #refused(peer: NodeId, cause: RefusalCause): void {
    const { faults, isWiped, watch, world } = this.#parts;
    world.log(`refused ${this.id} ${peer} ${cause}`);
    if (cause === "unknown-peer" && this.#peers.includes(peer)) {
      this.#startWithAddresses();
    }
    if (cause === "store") {
      faults.add("wiped-disk-refused");
      watch.check(() =>
        promise(
          isWiped(peer) || this.#diskNumber > 1,
          "store-identity",
          () => `nodes ${this.id} and ${peer} refuse each other's disk, and neither was wiped`,
        ),
      );
    }
  }

  /** At the boundary of a disk call; the machine comes back by itself. */
  #powerLost(): void {
    this.crash();
    this.#superviseRestart();
  }

  /** What a service manager does with a process that went away by itself. */
  #superviseRestart(): void {
    this.#parts.world.schedule(this.#random.integer(1, 3_000), () => this.restart());
  }

  #tick(life: Life, storage: WalStorage, count: number): void {
    if (life.stopped) {
      return;
    }
    life.host?.tick();
    life.service?.tick();
    // As the real process does: a log at rest gets a durable mark. A failure ends the store; the next write tells.
    storage.idle(() => {});
    if (count % this.#parts.plan.electionTimeoutTicks === 0) {
      this.#dial(life);
    }
  }

  /** Runs a piece of the process, then looks at the member. */
  #step(work: () => void): void {
    const { watch, oracle } = this.#parts;
    try {
      work();
      const status = this.status();
      if (status !== null) {
        oracle.stepped(this.id, status);
      }
    } catch (error) {
      if (!(error instanceof ProcessEnded)) {
        throw watch.note(error);
      }
    }
  }
}

/** A put that the state machine refuses, as when an alarm is on, has not happened. */
function putAnswer(outcome: ProposalOutcome<MachineResult>): PutAnswer {
  if (outcome.kind !== "applied") {
    return { kind: outcome.kind };
  }
  const { index, result } = outcome;
  const isRefused = result.kind === "applied" && result.result.type === "refused";
  return isRefused ? { kind: "refused" } : { kind: "applied", index };
}

/** The disk, by our hand, and not the code. */
function isDiskFailure(error: Error | null): boolean {
  // The notes of peers are no part of the store.
  const isOfNotes = error instanceof FileError;
  return (
    isOfNotes ||
    (error instanceof StorageError &&
      (error.info.code === "STORAGE_IO" || error.info.code === "STORAGE_FULL"))
  );
}

const crashModes: readonly CrashMode[] = ["random", "random", "lose", "keep"];

/** All members are of one cluster. */
const clusterId = 1;

/** Each disk that a member ever has makes a store of its own. */
function storeId(id: NodeId, diskNumber: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(id);
  bytes[15] = diskNumber;
  return bytes;
}

function observe(host: RaftHost<MachineResult>): ObservedStatus {
  return { term: host.term, role: host.role, commit: host.committed, applied: host.applied };
}
