/**
 * A million keys of 256 bytes in one leader, which makes a snapshot and sends it to a new member in another process: the longest turn
 * of the leader's event loop meanwhile, since heartbeats live there. Wall time holds what else runs on the machine; CPU time does not.
 * `node --conditions=source bench/snapshot.ts join PORT` is the new member.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { encodeCommand, KvStateMachine } from "@quorate/kv";
import type { StateMachine } from "@quorate/raft";
import { type PeerAddress, RaftNode, type RaftNodeEvent } from "@quorate/raft-node";

const keyCount = 1_000_000;
const valueBytes = 256;
const entriesBeforeSnapshot = 20;
const joinerId = 2;

/** One phase of the run. */
export interface SnapshotResult {
  readonly phase: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly longestTurnMs: number;
  /** Of perhaps another turn. */
  readonly longestTurnCpuMs: number;
  /** One collection of garbage, wall time. */
  readonly longestGcMs: number;
}

const putOf = (n: number): Uint8Array =>
  encodeCommand({
    type: "put",
    key: new TextEncoder().encode(`/registry/pods/${String(n).padStart(10, "0")}`),
    value: new Uint8Array(valueBytes).fill(n),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  });

/** The keys are there before the log begins, whose indexes go on behind them. */
function machineOf(kv: KvStateMachine): StateMachine {
  return {
    apply: (command, { index, term }) => kv.apply(command, { index: index + keyCount, term }),
    snapshot: () => kv.snapshot(),
    restore: () => kv.restore(),
  };
}

/** CPU time of this thread, in milliseconds. */
function threadCpuMs(): number {
  // The kernel books a thread's time at its ticks of up to 4 ms. Asked for that of the whole process it books what is due first: then it is exact.
  process.cpuUsage();
  const { system, user } = process.threadCpuUsage();
  return (system + user) / 1000;
}

/** Takes the time of each turn of this thread's event loop. */
class Turns {
  #wallMs = 0;
  #cpuMs = 0;
  #gcMs = 0;
  #running = true;
  readonly #collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      this.#gcMs = Math.max(this.#gcMs, duration);
    }
  });

  constructor() {
    this.#collections.observe({ entryTypes: ["gc"] });
    let wall = performance.now();
    let cpuMs = threadCpuMs();
    const look = (): void => {
      this.#wallMs = Math.max(this.#wallMs, performance.now() - wall);
      this.#cpuMs = Math.max(this.#cpuMs, threadCpuMs() - cpuMs);
      wall = performance.now();
      cpuMs = threadCpuMs();
      if (this.#running) {
        setImmediate(look);
      }
    };
    setImmediate(look);
  }

  end(): Pick<SnapshotResult, "longestTurnMs" | "longestTurnCpuMs" | "longestGcMs"> {
    this.#running = false;
    this.#collections.disconnect();
    return { longestTurnMs: this.#wallMs, longestTurnCpuMs: this.#cpuMs, longestGcMs: this.#gcMs };
  }
}

/** Measures, and prints a table. */
export async function benchSnapshot(): Promise<SnapshotResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-bench-snapshot-"));
  const kv = new KvStateMachine();
  for (let n = 1; n <= keyCount; n++) {
    kv.apply(putOf(n), { index: n, term: 1 });
  }
  const node = await RaftNode.start({
    id: 1,
    dataDir: join(folder, "1"),
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    byteStateMachine: machineOf(kv),
    snapshots: { entryCountMax: entriesBeforeSnapshot, trailingEntryCount: 0 },
  });
  let joiner: ChildProcess | null = null;
  try {
    await node.waitForLeader();
    const results = [await measureMaking(node)];
    joiner = spawn(
      process.execPath,
      ["--conditions=source", fileURLToPath(import.meta.url), "join", addressOf(node), join(folder, "2")],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    if (joiner.stdout === null) {
      throw new Error("the new member has no output");
    }
    const [line] = await once(joiner.stdout, "data");
    results.push(await measureSending(node, String(line).trim()));
    print(results);
    return results;
  } finally {
    joiner?.kill("SIGKILL");
    await node.stop({ transfer: false });
    rmSync(folder, { recursive: true, force: true });
  }
}

const addressOf = ({ address }: { readonly address: PeerAddress }): string =>
  `${address.host}:${address.port}`;

async function measureMaking(node: RaftNode): Promise<SnapshotResult> {
  const made = eventOf(node, "snapshot-made");
  const turns = new Turns();
  const begin = performance.now();
  for (let n = 1; n <= entriesBeforeSnapshot; n++) {
    await new Promise<void>((resolve, reject) => {
      node.submit(putOf(n), (outcome) =>
        outcome.kind === "applied" ? resolve() : reject(new Error(outcome.kind)),
      );
    });
  }
  const { bytes } = await made;
  return { phase: "made", bytes, seconds: (performance.now() - begin) / 1000, ...turns.end() };
}

async function measureSending(node: RaftNode, address: string): Promise<SnapshotResult> {
  const sending = eventOf(node, "snapshot-sending");
  const sent = eventOf(node, "snapshot-sent");
  const turns = new Turns();
  await node.changeMembers([{ op: "add-learner", id: joinerId, address, promote: false }]);
  const { bytes } = await sending;
  const begin = performance.now();
  const { ok } = await sent;
  if (!ok) {
    throw new Error("the snapshot did not arrive");
  }
  return { phase: "sent", bytes, seconds: (performance.now() - begin) / 1000, ...turns.end() };
}

function eventOf<Type extends RaftNodeEvent["type"]>(
  node: RaftNode,
  type: Type,
): Promise<Extract<RaftNodeEvent, { type: Type }>> {
  return new Promise((resolve) => {
    const end = node.subscribe((event) => {
      if (event.type === type) {
        end();
        resolve(event as Extract<RaftNodeEvent, { type: Type }>);
      }
    });
  });
}

function print(results: readonly SnapshotResult[]): void {
  const load = loadavg()[0] ?? Number.NaN;
  console.log(
    `\none million keys of 256 bytes; the leader's event loop (load of the machine ${load.toFixed(1)})`,
  );
  console.table(
    results.map((one) => ({
      phase: one.phase,
      MB: Math.round(one.bytes / 1e6),
      seconds: Number(one.seconds.toFixed(1)),
      "longest turn ms": Number(one.longestTurnMs.toFixed(1)),
      "longest turn by CPU ms": Number(one.longestTurnCpuMs.toFixed(1)),
      "longest GC ms": Number(one.longestGcMs.toFixed(1)),
    })),
  );
}

async function joinAt(leader: string, dataDir: string): Promise<void> {
  const node = await RaftNode.start({
    id: joinerId,
    dataDir,
    listen: "127.0.0.1:0",
    peers: { 1: leader, [joinerId]: "127.0.0.1:0" },
    join: true,
    byteStateMachine: machineOf(new KvStateMachine()),
  });
  console.log(addressOf(node));
}

const [, script, mode, leader, dataDir] = process.argv;
if (
  script === fileURLToPath(import.meta.url) &&
  mode === "join" &&
  leader !== undefined &&
  dataDir !== undefined
) {
  await joinAt(leader, dataDir);
}
