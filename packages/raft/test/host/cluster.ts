/** Some members over memory ports, run turn by turn. */
import { Prng } from "@quorate/base";
import { type HostEvent, type HostOptions, type NodeId, RaftHost, toNodeId } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage, RecordingMachine, TurnScheduler } from "@quorate/raft/testing";

interface TestMember {
  readonly id: NodeId;
  host: RaftHost<number>;
  storage: MemoryStorage;
  machine: RecordingMachine;
  readonly events: HostEvent[];
  readonly fatal: Error[];
}

export class TestHosts {
  readonly scheduler: TurnScheduler = new TurnScheduler();
  readonly network: MemoryNetwork = new MemoryNetwork(this.scheduler);
  readonly members: TestMember[] = [];
  readonly #options: Partial<HostOptions<number>>;
  readonly #random: Prng;

  constructor(count: number, options: Partial<HostOptions<number>> = {}, seed = 1) {
    this.#options = options;
    this.#random = new Prng(seed);
    const ids = Array.from({ length: count }, (_, i) => toNodeId(i + 1));
    for (const id of ids) {
      this.#add(id, ids);
    }
  }

  /** A new member with an empty disk and no configuration, which waits to be added to the group. */
  join(): TestMember {
    return this.#add(toNodeId(this.members.length + 1), []);
  }

  #add(id: NodeId, voters: readonly NodeId[]): TestMember {
    const storage = new MemoryStorage({ voters, scheduler: this.scheduler });
    const machine = new RecordingMachine();
    const events: HostEvent[] = [];
    const fatal: Error[] = [];
    const member: TestMember = {
      id,
      storage,
      machine,
      events,
      fatal,
      host: this.#host(id, storage, machine, events, fatal),
    };
    this.members.push(member);
    this.#start(member);
    return member;
  }

  #host(
    id: NodeId,
    storage: MemoryStorage,
    machine: RecordingMachine,
    events: HostEvent[],
    fatal: Error[],
  ): RaftHost<number> {
    return new RaftHost<number>({
      id,
      storage,
      transport: this.network.connect(id),
      scheduler: this.scheduler,
      stateMachine: machine,
      random: (low, high) => this.#random.integer(low, high),
      onEvent: (event) => events.push(event),
      onFatal: (error) => fatal.push(error),
      ...this.#options,
    });
  }

  #start(member: TestMember): void {
    member.host.start((error) => {
      if (error !== null) {
        throw error;
      }
    });
    this.scheduler.runAll();
  }

  member(id: number): TestMember {
    const member = this.members[id - 1];
    if (member === undefined) {
      throw new Error(`no member ${id}`);
    }
    return member;
  }

  /** A crash and a new process on the same disk. */
  restart(id: number): void {
    const member = this.member(id);
    member.host.halt();
    member.storage = member.storage.reopen();
    member.machine = new RecordingMachine();
    member.host = this.#host(member.id, member.storage, member.machine, member.events, member.fatal);
    this.#start(member);
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) {
      for (const { host } of this.members) {
        host.tick();
      }
      this.scheduler.runAll();
    }
  }

  /** Makes `id` lead. */
  elect(id: number): TestMember {
    const member = this.member(id);
    for (let i = 0; i < 100 && member.host.role !== "leader"; i++) {
      member.host.campaign();
      this.scheduler.runAll();
      this.tick();
    }
    if (member.host.role !== "leader") {
      throw new Error(`member ${id} does not lead`);
    }
    return member;
  }
}
