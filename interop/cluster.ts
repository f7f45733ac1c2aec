/** Three real `quorate serve` processes on loopback, driven as an operator would: flags, signals, kill -9. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "@quorate/raft-node/testing";

const launcher = join(import.meta.dirname, "..", "bin", "quorate");

/** Milliseconds without a leader's message after which a follower campaigns, as given to every member. */
export const electionTimeoutMs = 1000;

export interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly logFile: string;
  process: ChildProcess | null;
}

/** A cluster whose data lives in a temporary folder until `destroy`. */
export class Cluster {
  readonly members: readonly Member[];
  readonly #folder: string;

  private constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder;
    this.members = members;
  }

  static async create(memberCount: number): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "quorate-interop-"));
    const ports = await freePorts(memberCount * 2);
    const members = Array.from({ length: memberCount }, (_, i): Member => {
      mkdirSync(join(folder, `m${i + 1}`));
      return {
        name: `m${i + 1}`,
        clientUrl: `http://127.0.0.1:${ports[2 * i]}`,
        peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
        logFile: join(folder, `m${i + 1}.log`),
        process: null,
      };
    });
    return new Cluster(folder, members);
  }

  get endpoints(): string {
    return this.members.map((member) => member.clientUrl).join(",");
  }

  /** A flag in `more` goes before the usual one of its name. */
  start(member: Member, more: readonly string[] = []): void {
    const log = openSync(member.logFile, "a");
    const flags = [
      ["--name", member.name],
      ["--data-dir", join(this.#folder, member.name, "data")],
      ["--listen-client-urls", member.clientUrl],
      ["--advertise-client-urls", member.clientUrl],
      ["--listen-peer-urls", member.peerUrl],
      ["--initial-advertise-peer-urls", member.peerUrl],
      ["--initial-cluster", this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",")],
      ["--initial-cluster-state", "new"],
      ["--initial-cluster-token", "interop"],
      ["--heartbeat-interval", "100"],
      ["--election-timeout", String(electionTimeoutMs)],
    ].map(([flag, value]) => `${flag}=${value}`);
    member.process = spawn(launcher, ["serve", ...flags, ...more], { stdio: ["ignore", log, log] });
  }

  startAll(): void {
    for (const member of this.members) {
      this.start(member);
    }
  }

  /** Ends the process without a chance to write anything, and waits until it is gone. */
  async kill(member: Member): Promise<void> {
    await end(member, "SIGKILL");
  }

  /** Asks for a clean stop; returns the exit code. */
  async stop(member: Member): Promise<number | null> {
    return end(member, "SIGTERM");
  }

  /** What the members printed, for the message of a failed test. */
  logs(): string {
    return this.members
      .map((m) => `--- ${m.name}\n${readFileSync(m.logFile, "utf8").slice(-4000)}`)
      .join("\n");
  }

  async destroy(): Promise<void> {
    await Promise.all(this.members.map((member) => end(member, "SIGKILL")));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function end(member: Member, signal: NodeJS.Signals): Promise<number | null> {
  const child = member.process;
  member.process = null;
  if (child === null || child.exitCode !== null || child.signalCode !== null) {
    return child?.exitCode ?? null;
  }
  const gone = once(child, "exit");
  child.kill(signal);
  const [code] = (await gone) as [number | null];
  return code;
}

/** Polls until `probe` gives something other than undefined; fails with `what` after `withinMs`. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) {
      return found;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await delay(50);
  }
}
