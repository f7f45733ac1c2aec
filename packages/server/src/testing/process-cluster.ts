/** A cluster of real server processes on loopback, to be killed, stopped and started again. Data lives until `destroy`. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "@quorate/raft-node/testing";
import { type MemberProcess, type ProcessEnd, startMemberProcess } from "../local-cluster/member-process.ts";
import { eventually } from "./wait.ts";

/** How the members are started; the defaults elect within a few tenths of a second. */
export interface ClusterOptions {
  /** 3 when left out. */
  readonly memberCount?: number;
  /** 30 when left out. */
  readonly heartbeatIntervalMs?: number;
  /** 300 when left out. */
  readonly electionTimeoutMs?: number;
  /** More flags for every member. */
  readonly flags?: readonly string[];
  /** A module to run instead of the program; it gets the program's arguments. */
  readonly mainFile?: string;
  /** Replaces the environment of the members. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** One member, running or not. */
export class ProcessMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly dataDir: string;
  readonly logFile: string;
  readonly #start: () => MemberProcess;
  #process: MemberProcess | null = null;

  constructor(
    name: string,
    ports: readonly [number, number],
    folder: string,
    start: (self: ProcessMember) => MemberProcess,
  ) {
    this.name = name;
    [this.clientPort, this.peerPort] = ports;
    this.dataDir = join(folder, name);
    this.logFile = join(folder, `${name}.log`);
    this.#start = () => start(this);
  }

  get clientUrl(): string {
    return `http://127.0.0.1:${this.clientPort}`;
  }

  get peerUrl(): string {
    return `http://127.0.0.1:${this.peerPort}`;
  }

  get running(): boolean {
    return this.#process !== null && this.#process.end === null;
  }

  /** Null before the first start. */
  get process(): MemberProcess | null {
    return this.#process;
  }

  start(): void {
    if (this.running) {
      throw new Error(`${this.name} runs already`);
    }
    this.#process = this.#start();
  }

  /** Ends the process without a chance to write anything; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.signal("SIGKILL");
  }

  /** Asks for a clean stop; resolves with how the process ended. */
  async stop(): Promise<ProcessEnd> {
    return this.signal("SIGTERM");
  }

  async signal(signal: NodeJS.Signals): Promise<ProcessEnd> {
    const { process } = this;
    if (process === null) {
      throw new Error(`${this.name} was never started`);
    }
    if (process.end === null) {
      process.kill(signal);
    }
    return process.ended;
  }

  /** Everything the member printed, over all its lives. */
  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  /** Its `/status` page, or null when it does not answer. */
  async status(): Promise<StatusPage | null> {
    try {
      const answer = await fetch(`${this.clientUrl}/status`, { signal: AbortSignal.timeout(1000) });
      return (await answer.json()) as StatusPage;
    } catch {
      return null; // Not up: the caller asks again or takes it as down.
    }
  }
}

/** What `/status` shows, as far as tests use it. */
interface StatusPage {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly leader: string;
  readonly term: number;
  readonly committed: number;
  readonly applied: number;
  readonly log: { readonly firstIndex: number; readonly lastIndex: number };
  readonly revision: number;
}

/** The members, and what concerns all of them. */
export class ProcessCluster {
  readonly members: readonly ProcessMember[];
  readonly folder: string;

  constructor(folder: string, members: readonly ProcessMember[]) {
    this.folder = folder;
    this.members = members;
  }

  startAll(): void {
    for (const member of this.members) {
      member.start();
    }
  }

  /** The member that every running member calls leader. */
  async leader(withinMs = 20_000): Promise<ProcessMember> {
    return eventually("a leader that all running members know", withinMs, async () => {
      const running = this.members.filter((member) => member.running);
      if (running.length === 0) {
        throw new Error("no member runs");
      }
      const answers = await Promise.all(running.map((member) => member.status()));
      const leader = answers[0]?.leader;
      if (!leader || !answers.every((answer) => answer?.leader === leader)) {
        return undefined;
      }
      return running[answers.findIndex((answer) => answer?.id === leader)];
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.logs()}`);
    });
  }

  /** The ends of all logs, for the message of a failed test. */
  logs(): string {
    return this.members.map((member) => `--- ${member.name}\n${member.log().slice(-3000)}`).join("\n");
  }

  /** Ends what runs and removes all data. */
  async destroy(): Promise<void> {
    await Promise.all(this.members.filter((member) => member.running).map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * Makes a cluster; nothing runs yet.
 *
 * @example
 * ```ts
 * import { createProcessCluster } from "quorate/testing";
 * const cluster = await createProcessCluster({ memberCount: 1 });
 * cluster.startAll();
 * const leader = await cluster.leader();
 * await leader.stop();
 * await cluster.destroy();
 * ```
 */
export async function createProcessCluster(options: ClusterOptions = {}): Promise<ProcessCluster> {
  const { memberCount = 3 } = options;
  const folder = mkdtempSync(join(tmpdir(), "quorate-test-"));
  const ports = await freePorts(memberCount * 2);
  const members = Array.from(
    { length: memberCount },
    (_, i): ProcessMember =>
      new ProcessMember(`m${i + 1}`, [ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0], folder, (self) =>
        startMemberProcess({
          flags: flagsOf(self, members, options),
          logFile: self.logFile,
          ...(options.mainFile === undefined ? {} : { mainFile: options.mainFile }),
          ...(options.environment === undefined ? {} : { environment: options.environment }),
        }),
      ),
  );
  return new ProcessCluster(folder, members);
}

function flagsOf(self: ProcessMember, members: readonly ProcessMember[], options: ClusterOptions): string[] {
  return [
    `--name=${self.name}`,
    `--data-dir=${self.dataDir}`,
    `--listen-client-urls=${self.clientUrl}`,
    `--advertise-client-urls=${self.clientUrl}`,
    `--listen-peer-urls=${self.peerUrl}`,
    `--initial-advertise-peer-urls=${self.peerUrl}`,
    `--initial-cluster=${members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",")}`,
    `--heartbeat-interval=${options.heartbeatIntervalMs ?? 30}`,
    `--election-timeout=${options.electionTimeoutMs ?? 300}`,
    ...(options.flags ?? []),
  ];
}
