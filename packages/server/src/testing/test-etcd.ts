/**
 * A whole cluster with etcd's API inside the process of a test: real members with real logs, sockets and elections, ready within a
 * few tenths of a second, to be killed and started again one by one.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CrashableFileSystem, freePorts } from "@quorate/raft-node/testing";
import { resolveConfig } from "../config/resolve.ts";
import { establishIdentity } from "../identity/establish.ts";
import { type QuorateServer, startServer } from "../process/server.ts";
import { MemoryLog } from "./memory-log.ts";
import { eventually } from "./wait.ts";

/** What a test cluster is made of. */
export interface TestEtcdOptions {
  /** How many members. Default 3. */
  readonly nodes?: number;
  /** More flags of `quorate serve` for every member, such as `--max-txn-ops=10` (docs/flags.md). Default: none; no TLS, no users. */
  readonly flags?: readonly string[];
  /** Milliseconds that the start of a member, or an election, may take. Default 60,000. */
  readonly waitMs?: number;
}

const waitMsDefault = 60_000;
// PERF: a new segment is read to its end when the log is opened; the usual 64 MiB take longer than everything else.
const segmentBytes = 4 * 1024 * 1024;

/** One member, running or not. */
export class TestEtcdMember {
  readonly name: string;
  /** Where its clients connect, such as `http://127.0.0.1:12345`; the same after a restart. */
  readonly clientUrl: string;
  readonly #flags: readonly string[];
  readonly #log = new MemoryLog();
  #server: QuorateServer | null = null;
  #files: CrashableFileSystem | null = null;
  /** What ended it, should it have ended by itself. */
  #failure: unknown = null;

  /** Made by {@link createTestEtcd}. */
  constructor(name: string, clientUrl: string, flags: readonly string[]) {
    this.name = name;
    this.clientUrl = clientUrl;
    this.#flags = flags;
  }

  get running(): boolean {
    return this.#server !== null;
  }

  /** Its last log lines, over all its lives. */
  get log(): string {
    return this.#log.text;
  }

  /** Whether it leads. */
  get isLeader(): boolean {
    return this.#server?.isLeader ?? false;
  }

  /** Starts it, on its own data when it ran before. It is ready when there is a leader: {@link TestEtcd.ready}. */
  async start(): Promise<void> {
    if (this.#server !== null) {
      throw new Error(`${this.name} runs already`);
    }
    const { config } = resolveConfig({ argv: this.#flags, environment: {} });
    const { identity, created, joins } = establishIdentity(config);
    this.#server = await startServer({
      config,
      identity,
      created,
      joins,
      logger: this.#log,
      segmentBytes,
      wrapFileSystem: (inner) => {
        this.#files = new CrashableFileSystem(inner);
        return this.#files;
      },
      fatal: (error) => {
        this.#failure = error;
        throw error;
      },
    });
  }

  /** Resolves when it serves. @throws Error when it does not run, or has failed. */
  async ready(): Promise<void> {
    const server = this.#server;
    if (server === null) {
      throw new Error(`${this.name} does not run`);
    }
    await server.ready;
  }

  /** Stops it in order: what runs is finished, leadership handed over. */
  async stop(): Promise<void> {
    const server = this.#take();
    await server.stop();
  }

  /** Ends it as a crash would: nobody is told, nothing more is sent. What it has acknowledged is on its disk. */
  async kill(): Promise<void> {
    const ending = this.#take().kill();
    await this.#files?.crash();
    await ending;
  }

  /** What is known of a failure, for messages. */
  get failure(): string {
    return this.#failure === null ? "" : `\n${this.name} failed: ${String(this.#failure)}`;
  }

  #take(): QuorateServer {
    const server = this.#server;
    if (server === null) {
      throw new Error(`${this.name} does not run`);
    }
    this.#server = null;
    return server;
  }
}

/** A cluster; `await using` or {@link TestEtcd.close} ends it and removes its data. */
export class TestEtcd implements AsyncDisposable {
  readonly members: readonly TestEtcdMember[];
  /** Where the members' data lies until the end. */
  readonly folder: string;
  readonly #waitMs: number;

  /** Made by {@link createTestEtcd}. */
  constructor(members: readonly TestEtcdMember[], folder: string, waitMs: number) {
    this.members = members;
    this.folder = folder;
    this.#waitMs = waitMs;
  }

  /** Client URLs of all members, as clients want them. */
  get clientUrls(): readonly string[] {
    return this.members.map((member) => member.clientUrl);
  }

  /** Resolves when every running member serves. @throws Error with the members' last log lines when that takes too long. */
  async ready(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(this.#late("members that serve")), this.#waitMs);
    });
    try {
      const running = this.members.filter((member) => member.running);
      await Promise.race([late, Promise.all(running.map((member) => member.ready()))]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The member that leads. @throws Error with the members' last log lines when none does in time. */
  async leader(): Promise<TestEtcdMember> {
    return eventually("a leader", this.#waitMs, () => this.members.find((member) => member.isLeader)).catch(
      () => {
        throw this.#late("a leader");
      },
    );
  }

  /** Ends every member and removes its data. */
  async close(): Promise<void> {
    const running = this.members.filter((member) => member.running);
    await Promise.all(running.map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #late(what: string): Error {
    const logs = this.members.map((member) => `--- ${member.name}${member.failure}\n${member.log}`);
    return new Error(`not within ${this.#waitMs} ms: ${what}\n${logs.join("\n")}`);
  }
}

/**
 * Starts a cluster in this process and resolves when every member serves.
 *
 * @throws ConfigError naming every flag that is wrong.
 *
 * @example
 * ```ts
 * import { createTestEtcd } from "quorate/testing";
 * await using etcd = await createTestEtcd({ nodes: 3 });
 * etcd.clientUrls.length; // 3: give them to any client of etcd
 * const leader = await etcd.leader();
 * await leader.kill();
 * await etcd.leader(); // another one
 * await leader.start();
 * ```
 */
export async function createTestEtcd(options: TestEtcdOptions = {}): Promise<TestEtcd> {
  const { nodes = 3, waitMs = waitMsDefault } = options;
  if (!Number.isSafeInteger(nodes) || nodes < 1) {
    throw new RangeError(`nodes: a whole number from 1 on, not ${nodes}`);
  }
  const ports = await freePorts(2 * nodes);
  const folder = mkdtempSync(join(tmpdir(), "quorate-test-"));
  const url = (place: number): string => `http://127.0.0.1:${ports[place] ?? 0}`;
  const names = Array.from({ length: nodes }, (_, i) => `m${i + 1}`);
  const initialCluster = names.map((name, i) => `${name}=${url(2 * i + 1)}`).join(",");
  const members = names.map(
    (name, i) =>
      new TestEtcdMember(name, url(2 * i), [
        `--name=${name}`,
        `--data-dir=${join(folder, name)}`,
        `--listen-client-urls=${url(2 * i)}`,
        `--advertise-client-urls=${url(2 * i)}`,
        `--listen-peer-urls=${url(2 * i + 1)}`,
        `--initial-advertise-peer-urls=${url(2 * i + 1)}`,
        `--initial-cluster=${initialCluster}`,
        "--heartbeat-interval=10",
        "--election-timeout=100",
        ...(options.flags ?? []),
      ]),
  );
  const cluster = new TestEtcd(members, folder, waitMs);
  try {
    await Promise.all(members.map((member) => member.start()));
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}
