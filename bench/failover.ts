/**
 * How long writes stand still when the leader's process is killed: three real server processes with an election time-out of one
 * second, and one client that writes all the time, through all endpoints in turn. A round ends with the first acknowledgement
 * of a write that was sent after the kill. With an etcd binary the same is done to etcd, kill by kill in turn.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { LightClient } from "./light-client.ts";
import { launchAll, leaderPosition, type Running, type RunningMember, shutDown } from "./system.ts";

/** Between two writes of the client. */
const writeIntervalMs = 4;

/** A write that nobody has acknowledged by then: the cluster did not come back. */
const givenUpMs = 20_000;

export interface FailoverOptions {
  readonly etcd: string | null;
  readonly kills: number;
}

/** What one system did; ascending. */
export interface FailoverResult {
  readonly system: string;
  readonly resumedMs: readonly number[];
}

export async function benchFailover({ etcd, kills }: FailoverOptions): Promise<FailoverResult[]> {
  const systems = await launchAll(etcd);
  const resumedMs = systems.map((): number[] => []);
  try {
    for (let kill = 0; kill < kills; kill++) {
      for (const [i, system] of systems.entries()) {
        resumedMs[i]?.push(await killOnce(system));
      }
    }
  } finally {
    await Promise.all(systems.map(shutDown));
  }
  return systems.map(({ system }, i) => ({
    system,
    resumedMs: (resumedMs[i] ?? []).toSorted((left, right) => left - right),
  }));
}

/** Kills the leader while writes go on, and starts it again. */
async function killOnce(running: Running): Promise<number> {
  const writer = new Writer(running.members);
  try {
    const leader = await settled(running);
    const resumedMs = await killAndWait(leader, writer);
    leader.restart();
    return resumedMs;
  } finally {
    writer.stop();
  }
}

/** Waits until all members serve and agree on a leader, and then some, so that a kill hits a cluster at rest. */
async function settled(running: Running): Promise<RunningMember> {
  const deadline = performance.now() + givenUpMs;
  while (!(await allServe(running))) {
    if (performance.now() > deadline) {
      throw new Error(`${running.system}: not all members serve within ${givenUpMs} ms`);
    }
    await delay(50);
  }
  await delay(1200 + Math.random() * 400);
  const position = await leaderPosition(running);
  const leader = position === null ? undefined : running.members[position];
  if (leader === undefined) {
    throw new Error(`${running.system}: lost its leader while nothing happened`);
  }
  return leader;
}

async function allServe(running: Running): Promise<boolean> {
  const states = await Promise.all(running.members.map(hasLeader));
  return states.every(Boolean);
}

async function hasLeader({ clientPort }: RunningMember): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${clientPort}/metrics`);
    return /^etcd_server_has_leader(\{[^}]*\})? 1$/m.test(await answer.text());
  } catch {
    return false; // Not listening yet.
  }
}

async function killAndWait(leader: RunningMember, writer: Writer): Promise<number> {
  const gone = once(leader.process, "exit");
  const killedMs = performance.now();
  leader.process.kill("SIGKILL");
  const resumedMs = (await writer.acknowledgedAfter(killedMs)) - killedMs;
  await gone;
  return resumedMs;
}

interface Wait {
  readonly sinceMs: number;
  readonly resolve: (atMs: number) => void;
}

/** Writes without pause and without waiting for answers; a connection that ended is opened again. */
class Writer {
  readonly #members: readonly RunningMember[];
  readonly #clients: (LightClient | null)[];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  #count = 0;
  #wait: Wait | null = null;

  constructor(members: readonly RunningMember[]) {
    this.#members = members;
    this.#clients = members.map(() => null);
    for (const position of members.keys()) {
      this.#open(position);
    }
    this.#timer = setInterval(() => this.#write(), writeIntervalMs);
  }

  /** Resolves with the time of the first acknowledgement of a write that was sent after `sinceMs`. */
  acknowledgedAfter(sinceMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no write was acknowledged")), givenUpMs);
      this.#wait = {
        sinceMs,
        resolve(atMs) {
          clearTimeout(timer);
          resolve(atMs);
        },
      };
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) {
      client?.close();
    }
  }

  #open(position: number): void {
    this.#clients[position] = null;
    const port = this.#members[position]?.clientPort ?? 0;
    LightClient.open("127.0.0.1", port, "/etcdserverpb.KV/Put").then(
      (client) => {
        this.#clients[position] = client;
      },
      () => setTimeout(() => this.#open(position), 50).unref(),
    );
  }

  /** The next endpoint that takes connections. */
  #write(): void {
    for (let tried = 0; tried < this.#clients.length; tried++) {
      const position = this.#turn++ % this.#clients.length;
      const client = this.#clients[position] ?? null;
      if (client?.closed === true) {
        this.#open(position);
      }
      if (client === null || client.closed) {
        continue;
      }
      const sentMs = performance.now();
      client.call(putRequest(this.#count++), (ok) => {
        if (ok) {
          this.#acknowledged(sentMs);
        }
      });
      return;
    }
  }

  #acknowledged(sentMs: number): void {
    const wait = this.#wait;
    if (wait !== null && sentMs >= wait.sinceMs) {
      this.#wait = null;
      wait.resolve(performance.now());
    }
  }
}

/** Protobuf by hand: fields 1 and 2 are the bytes of key and value. */
function putRequest(count: number): Buffer {
  const key = Buffer.from(`failover/${count % 1000}`);
  const value = Buffer.from(String(count));
  return Buffer.concat([Buffer.from([0x0a, key.length]), key, Buffer.from([0x12, value.length]), value]);
}

/** The value below which `share` of all lie. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.ceil(share * ascending.length) - 1)] ?? Number.NaN;
}

/** As a table. */
export function printFailover(results: readonly FailoverResult[]): readonly FailoverResult[] {
  console.log("\nthree server processes, election time-out 1 s: kill -9 of the leader until writes resume");
  console.table(
    results.map(({ resumedMs, system }) => ({
      system,
      kills: resumedMs.length,
      "median ms": Math.round(quantile(resumedMs, 0.5)),
      "p98 ms": Math.round(quantile(resumedMs, 0.98)),
      "max ms": Math.round(resumedMs.at(-1) ?? Number.NaN),
      "within 400 ms": resumedMs.filter((ms) => ms <= 400).length,
    })),
  );
  return results;
}
