/**
 * A whole cluster in one process, for tests of what runs on Raft: real nodes with a fast clock, and a network between them that can be
 * cut. On disk each has its own directory, log and connections; in memory none of that, which is faster.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { assert, must } from "@quorate/base";
import { type NodeId, toNodeId } from "@quorate/raft";
import { MemoryNetwork, MemoryStorage } from "@quorate/raft/testing";
import type { JsonStateMachine, RaftNodeSettings } from "../options.ts";
import { RaftNode } from "../raft-node.ts";
import { CrashableFileSystem } from "./crashable-file-system.ts";
import { LinkProxy } from "./link-proxy.ts";

/** What a test cluster is made of. */
export interface TestClusterOptions<Machine> {
  /** How many members. Default 3. */
  readonly nodes?: number;
  /**
   * `disk` (default): real files and connections. `memory`: none of either; a cluster is then ready within a few dozen milliseconds,
   * and `settings` that concern files or connections are of no effect.
   */
  readonly storage?: "memory" | "disk";
  /** A new, empty state machine for each start of a member. */
  readonly stateMachine: (id: number) => Machine;
  /** Settings of every member; a tick is 10 ms unless they say otherwise. */
  readonly settings?: RaftNodeSettings;
}

/** One running member. */
export interface TestMember<Command, Result, Machine> {
  readonly id: number;
  readonly node: RaftNode<Command, Result>;
  readonly machine: Machine;
}

const tickMsDefault = 10;
const tickMsInMemory = 3;
const waitMsDefault = 10_000;
const pollMs = 2;

/** Made by {@link createTestCluster}. */
export class TestCluster<Command, Result, Machine extends JsonStateMachine<Command, Result>> {
  readonly #options: TestClusterOptions<Machine>;
  readonly #folder: string;
  #ids: readonly number[];
  readonly #joined: Set<number> = new Set();
  readonly #running: Map<number, TestMember<Command, Result, Machine>> = new Map();
  /** Ends what a member can still do to its store, as the end of its process would. */
  readonly #crash: Map<number, () => Promise<void>> = new Map();
  readonly #killed: Set<number> = new Set();
  /** In memory: what connects the members, and what survives them. */
  readonly #network: MemoryNetwork = new MemoryNetwork(laterTurn);
  readonly #stores: Map<number, MemoryStorage> = new Map();
  /** On disk: the way from one member to another. */
  readonly #links: Map<string, { readonly proxy: LinkProxy; readonly port: number }> = new Map();

  constructor(options: TestClusterOptions<Machine>, folder: string) {
    const count = options.nodes ?? 3;
    assert(Number.isSafeInteger(count) && count >= 1, "test cluster: at least one node");
    this.#options = options;
    this.#folder = folder;
    this.#ids = Array.from({ length: count }, (_, i) => i + 1);
  }

  /** Starts every member. Called by {@link createTestCluster}. */
  async start(): Promise<void> {
    await this.#connect(this.#pairs(this.#ids, this.#ids));
    await Promise.all(this.#ids.map((id) => this.restart(id)));
  }

  get #inMemory(): boolean {
    return this.#options.storage === "memory";
  }

  async #connect(pairs: readonly (readonly [number, number])[]): Promise<void> {
    if (this.#inMemory) {
      return;
    }
    for (const [from, to] of pairs) {
      const proxy = new LinkProxy(() => this.#running.get(to)?.node.address ?? null);
      this.#links.set(`${from}>${to}`, { proxy, port: await proxy.listen() });
    }
  }

  /**
   * Starts one more member, with an empty directory, that waits to be added by `changeMembers` under any address: the members of a
   * test cluster reach each other by their links.
   */
  async join(id: number): Promise<TestMember<Command, Result, Machine>> {
    assert(!this.#ids.includes(id), "test cluster: the id is taken");
    const founders = this.#ids;
    this.#ids = [...founders, id];
    await this.#connect(this.#pairs([id], founders));
    this.#joined.add(id);
    return this.restart(id);
  }

  /** The members that run, by ascending id. */
  get members(): readonly TestMember<Command, Result, Machine>[] {
    return [...this.#running.values()].sort((left, right) => left.id - right.id);
  }

  /** A member that runs. */
  member(id: number): TestMember<Command, Result, Machine> {
    return must(this.#running.get(id), "test cluster: the member does not run");
  }

  /** Waits for a leader that every member of its side could follow, and returns it. */
  async leader(): Promise<TestMember<Command, Result, Machine>> {
    let found: TestMember<Command, Result, Machine> | undefined;
    await this.waitFor("a leader", () => {
      const leaders = this.members.filter(({ node }) => node.isLeader);
      // A leader that was cut off does not know it yet: the newest term counts.
      found = leaders.sort(
        (left, right) => right.node.status().hardState.term - left.node.status().hardState.term,
      )[0];
      return found !== undefined;
    });
    return must(found, "test cluster: no leader");
  }

  /**
   * Ends the member as a crash of its process would: from this moment on it sends nothing, and nothing more reaches its store. What it
   * had acknowledged is there.
   */
  async kill(id: number): Promise<void> {
    const { node } = this.member(id);
    this.#running.delete(id);
    this.#killed.add(id);
    this.isolate(id);
    node.halt();
    await this.#crash.get(id)?.();
    await node.stop({ transfer: false });
    this.#killed.delete(id);
  }

  /** Starts a member that does not run, on its own store and with a new state machine; its links are mended. */
  async restart(id: number): Promise<TestMember<Command, Result, Machine>> {
    assert(this.#ids.includes(id) && !this.#running.has(id), "test cluster: the member cannot be started");
    const machine = this.#options.stateMachine(id);
    const { settings = {} } = this.#options;
    this.#mend(this.#pairs([id], this.#ids));
    const node = await RaftNode.start<Command, Result>({
      tickMs: this.#inMemory ? tickMsInMemory : tickMsDefault,
      ...settings,
      id,
      listen: "127.0.0.1:0",
      peers: Object.fromEntries(this.#ids.map((peer) => [peer, `127.0.0.1:${this.#port(id, peer)}`])),
      join: this.#joined.has(id),
      stateMachine: machine,
      onFatal: (error) => this.#fatal(id, error),
      ...(this.#inMemory ? this.#partsInMemory(id) : this.#partsOnDisk(id)),
    });
    const member = { id, node, machine };
    this.#running.set(id, member);
    return member;
  }

  #fatal(id: number, error: Error): void {
    if (this.#killed.has(id)) {
      return;
    }
    const { onFatal } = this.#options.settings ?? {};
    if (onFatal === undefined) {
      setImmediate(() => {
        throw error;
      });
      return;
    }
    onFatal(error);
  }

  #partsInMemory(id: number): Pick<RaftNodeSettings, "openStorage" | "openTransport"> {
    return {
      openStorage: ({ voters }) => {
        const store = this.#stores.get(id)?.reopen() ?? new MemoryStorage({ voters, scheduler: laterTurn });
        this.#stores.set(id, store);
        // Another storage over the same content: the one in use takes and shows nothing more.
        this.#crash.set(id, async () => void this.#stores.set(id, store.reopen()));
        return store;
      },
      openTransport: () => this.#network.connect(toNodeId(id)),
    };
  }

  #partsOnDisk(
    id: number,
  ): Pick<RaftNodeSettings, "resolveAddress" | "wrapFileSystem"> & { readonly dataDir: string } {
    const { settings = {} } = this.#options;
    return {
      dataDir: join(this.#folder, String(id)),
      resolveAddress: (peer) => `127.0.0.1:${this.#port(id, peer)}`,
      wrapFileSystem: (inner) => {
        const files = new CrashableFileSystem(settings.wrapFileSystem?.(inner) ?? inner);
        this.#crash.set(id, () => files.crash());
        return files;
      },
    };
  }

  /** Port 0 stands for the member itself: nobody dials it. */
  #port(from: number, to: number): number {
    return this.#links.get(`${from}>${to}`)?.port ?? 0;
  }

  /** Cuts every link between `left` and `right`, in both directions. */
  partition(left: readonly number[], right: readonly number[]): void {
    if (this.#inMemory) {
      for (const [from, to] of unordered(this.#pairs(left, right))) {
        this.#network.partition([from], [to]);
      }
      return;
    }
    for (const [from, to] of this.#pairs(left, right)) {
      this.#links.get(`${from}>${to}`)?.proxy.cut();
    }
  }

  /** Cuts a member off from all others. */
  isolate(id: number): void {
    this.partition([id], this.#ids);
  }

  /** Mends every link. */
  heal(): void {
    this.#mend(this.#pairs(this.#ids, this.#ids));
  }

  #mend(pairs: readonly (readonly [number, number])[]): void {
    for (const [from, to] of pairs) {
      this.#links.get(`${from}>${to}`)?.proxy.mend();
      this.#network.mend(toNodeId(from), toNodeId(to));
    }
  }

  /** Both directions of every pair of different members. */
  #pairs(left: readonly number[], right: readonly number[]): (readonly [number, number])[] {
    const pairs = left.flatMap((a) => right.filter((b) => b !== a).map((b) => [a, b] as const));
    return pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]).filter(onlyOnce());
  }

  /** Waits until `condition` holds. @throws Error naming `what` when it does not in time. */
  async waitFor(what: string, condition: () => boolean, withinMs: number = waitMsDefault): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (!condition()) {
      if (performance.now() > untilMs) {
        throw new Error(`not within ${withinMs} ms: ${what}`);
      }
      await delay(pollMs);
    }
  }

  /** Waits until every running member has applied everything that was acknowledged before the call. */
  async waitForAll(): Promise<void> {
    const untilMs = performance.now() + waitMsDefault;
    let index: number | null = null;
    while (index === null) {
      const { node } = await this.leader();
      // A new leader does not know yet what is committed, and one that was cut off never will: the barrier tells.
      index = await node.barrier({ deadlineMs: 1000 }).catch((error: unknown) => {
        if (performance.now() > untilMs) {
          throw error;
        }
        return null;
      });
    }
    const reached = index;
    await this.waitFor("all members have applied what is committed", () =>
      this.members.every((member) => member.node.applied >= reached),
    );
  }

  /** Stops everything and removes the directories. */
  async stop(): Promise<void> {
    const members = this.members;
    this.#running.clear();
    await Promise.all(members.map(({ node }) => node.stop({ transfer: false })));
    await Promise.all([...this.#links.values()].map(({ proxy }) => proxy.close()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The end of the event-loop turn, as `RaftNode` has it. */
const laterTurn = { defer: (work: () => void) => void setImmediate(work) };

/** One of both directions. */
function unordered(pairs: readonly (readonly [number, number])[]): (readonly [NodeId, NodeId])[] {
  return pairs.filter(([from, to]) => from < to).map(([from, to]) => [toNodeId(from), toNodeId(to)] as const);
}

function onlyOnce(): (pair: readonly [number, number]) => boolean {
  const seen = new Set<string>();
  return ([from, to]) => {
    const name = `${from}>${to}`;
    const first = !seen.has(name);
    seen.add(name);
    return first;
  };
}

/**
 * Starts a cluster in this process.
 *
 * @example
 * ```ts
 * import { createTestCluster } from "@quorate/raft-node/testing";
 * class Counter {
 *   value = 0;
 *   apply(command: { add: number }): number { this.value += command.add; return this.value; }
 *   snapshot(): number { return this.value; }
 *   restore(image: number): void { this.value = image; }
 * }
 * const cluster = await createTestCluster<{ add: number }, number, Counter>({ nodes: 3, stateMachine: () => new Counter() });
 * const leader = await cluster.leader();
 * await leader.node.propose({ add: 2 }); // 2
 * await cluster.stop();
 * ```
 */
export async function createTestCluster<Command, Result, Machine extends JsonStateMachine<Command, Result>>(
  options: TestClusterOptions<Machine>,
): Promise<TestCluster<Command, Result, Machine>> {
  const cluster = new TestCluster<Command, Result, Machine>(
    options,
    await mkdtemp(join(tmpdir(), "quorate-test-")),
  );
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
