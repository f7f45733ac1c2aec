/**
 * The library by itself: three `RaftNode`s in one process, over TCP on loopback, each with its own log that syncs; commands of 256
 * bytes, committed and applied. Where there is Go, hashicorp/raft with its own log does the same in turn.
 * `node --conditions=source bench/library.ts measure SECONDS` is the process that is measured.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RaftNode } from "@quorate/raft-node";
import { freePorts } from "@quorate/raft-node/testing";
import { buildGo, goVersion } from "../scripts/lib/etcd-raft.ts";
import { median } from "./statistics.ts";
import { printRatio } from "./system.ts";

const inFlightCounts = [1, 64, 1024] as const;
const commandBytes = 256;
const warmUpSeconds = 1;

/** One line of either program. */
interface Measured {
  readonly inFlight: number;
  readonly perSecond: number;
  readonly cpuUs: number;
}

export interface LibraryOptions {
  readonly rounds: number;
  readonly seconds: number;
}

/** Medians over the rounds. */
export interface LibraryResult extends Measured {
  readonly system: string;
  readonly perSecondByRound: readonly number[];
}

export async function benchLibrary({ rounds, seconds }: LibraryOptions): Promise<LibraryResult[]> {
  const systems: { system: string; program: string; args: string[]; lines: Measured[][] }[] = [
    {
      system: "quorate",
      program: process.execPath,
      args: ["--conditions=source", fileURLToPath(import.meta.url), "measure", `${seconds}`],
      lines: [],
    },
  ];
  if (goVersion() === null) {
    console.log("\nhashicorp/raft: SKIPPED, there is no Go to build it with");
  } else {
    const program = buildGo("bench/hashicorp-raft", "hashicorp-raft-bench");
    const args = [`-seconds=${seconds}`, `-in-flight=${inFlightCounts.join(",")}`];
    systems.push({ system: "hashicorp/raft", program, args, lines: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { program, args, lines } of systems) {
      lines.push(await linesOf(program, args));
    }
  }
  return systems.flatMap(({ system, lines }) =>
    inFlightCounts.map((inFlight, at) => ({
      system,
      inFlight,
      perSecond: median(lines.map((round) => round[at]?.perSecond ?? Number.NaN)),
      cpuUs: median(lines.map((round) => round[at]?.cpuUs ?? Number.NaN)),
      perSecondByRound: lines.map((round) => round[at]?.perSecond ?? Number.NaN),
    })),
  );
}

async function linesOf(program: string, args: readonly string[]): Promise<Measured[]> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new Error(`${program} ended with ${code}`);
  }
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Measured);
}

/** Prints a table, and the ratios where both ran. */
export function printLibrary(results: readonly LibraryResult[]): readonly LibraryResult[] {
  console.log(
    `\nthree nodes in one process, TCP, a synced log each, commands of ${commandBytes} bytes (medians of the rounds)`,
  );
  console.table(
    results.map((one) => ({
      "in flight": one.inFlight,
      system: one.system,
      "applied/s": Math.round(one.perSecond),
      "CPU µs, all three": Number(one.cpuUs.toFixed(1)),
    })),
  );
  for (const ours of results.filter(({ system }) => system === "quorate")) {
    const theirs = results.find(({ inFlight, system }) => system !== "quorate" && inFlight === ours.inFlight);
    if (theirs !== undefined) {
      printRatio(`${ours.inFlight} in flight`, ours, theirs);
    }
  }
  return results;
}

async function measureHere(seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-bench-library-"));
  const ports = await freePorts(3);
  const peers = Object.fromEntries(ports.map((port, i) => [i + 1, `127.0.0.1:${port}`]));
  const nodes = await Promise.all(
    ports.map((port, i) =>
      RaftNode.start({
        id: i + 1,
        dataDir: join(folder, `${i + 1}`),
        listen: `127.0.0.1:${port}`,
        peers,
        byteStateMachine: counter(),
      }),
    ),
  );
  try {
    const leaderId = await nodes[0]?.waitForLeader();
    const leader = nodes[(leaderId ?? 1) - 1];
    if (leader === undefined) {
      throw new Error("the leader is one of the three");
    }
    for (const inFlight of inFlightCounts) {
      await measureInFlight(leader, inFlight, warmUpSeconds);
      console.log(JSON.stringify(await measureInFlight(leader, inFlight, seconds)));
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop({ transfer: false })));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts, so that what is measured is consensus. */
function counter(): import("@quorate/raft").StateMachine {
  let applied = 0;
  return {
    apply: () => ++applied,
    snapshot: () => ({ read: () => null, close: () => {} }),
    restore: () => ({ write: () => {}, finish: () => {} }),
  };
}

function measureInFlight(leader: RaftNode, inFlight: number, seconds: number): Promise<Measured> {
  const command = new Uint8Array(commandBytes);
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const end = begin + seconds * 1000;
  let applied = 0;
  let open = inFlight;
  return new Promise((resolve, reject) => {
    const next = (): void => {
      if (performance.now() >= end) {
        open--;
        if (open === 0) {
          const { system, user } = process.cpuUsage(cpu);
          const elapsedSeconds = (performance.now() - begin) / 1000;
          resolve({ inFlight, perSecond: applied / elapsedSeconds, cpuUs: (system + user) / applied });
        }
        return;
      }
      leader.submit(command, (outcome) => {
        if (outcome.kind !== "applied") {
          reject(new Error(`a command ended as ${outcome.kind}`));
          return;
        }
        applied++;
        next();
      });
    };
    for (let i = 0; i < inFlight; i++) {
      next();
    }
  });
}

const [, script, mode, seconds] = process.argv;
if (script === fileURLToPath(import.meta.url) && mode === "measure" && seconds !== undefined) {
  await measureHere(Number(seconds));
}
