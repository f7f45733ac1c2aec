/** `quorate cluster`: a whole cluster in this process, for looking at. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { ClusterStoryOptions } from "../../cluster-story/options.ts";
import { parseDuration, parseScript } from "../../cluster-story/script.ts";
import { resolveTiming } from "../../cluster-story/timing.ts";
import type { CliCommand } from "../command.ts";
import { flag } from "../environment.ts";
import { CommandError, exitCode } from "../exit-code.ts";

interface ClusterFlags {
  readonly nodes: string;
  readonly port: string;
  readonly dataDir?: string;
  readonly script?: string;
  readonly killLeaderAfter?: string;
  readonly for?: string;
  readonly seed?: string;
  readonly snapshotEntries?: string;
  readonly electionTimeoutMin: string;
  readonly electionTimeoutMax: string;
  readonly heartbeat: string;
  readonly baseTick?: string;
  readonly electionTick: string;
  readonly heartbeatTick: string;
  readonly json: boolean;
  readonly verbose: boolean;
}

const serverCountMax = 50;
const simulatedDefault = "10s";

/** Flags, what they are for, and their defaults. */
const clusterFlags: readonly (readonly [flags: string, text: string, fallback?: string | boolean])[] = [
  ["-n, --nodes <count>", "Number of servers.", "3"],
  ["--port <port>", "Port of the first server; the others have those behind it.", "52000"],
  ["--data-dir <folder>", "Keep the logs here between runs. Default: a folder that is removed at the end."],
  ["--script <file>", "Do what a file says, a step a line, then end (see docs/cluster.md)."],
  ["--kill-leader-after <time>", "Kill the leader after a time such as 5s."],
  [
    "--for <time>",
    `End after a time such as 10s. Default with --seed and without --script: ${simulatedDefault}.`,
  ],
  ["--seed <number>", "Simulate: the same seed tells the same story, in virtual time."],
  ["--snapshot-entries <count>", "Make a snapshot after so many applied entries. Default: none."],
  ["--election-timeout-min <ms>", "Shortest election time-out.", "150"],
  ["--election-timeout-max <ms>", "Longest election time-out: twice the shortest.", "300"],
  ["--heartbeat <ms>", "Time between heartbeats.", "15"],
  ["--base-tick <ms>", "Count time in ticks of this length, by the next two."],
  ["--election-tick <ticks>", "With --base-tick: shortest election time-out.", "10"],
  ["--heartbeat-tick <ticks>", "With --base-tick: time between heartbeats.", "3"],
  ["--verbose", "Also tell every message.", false],
  ["--json", "One JSON object a line.", false],
];

/** `quorate cluster`. */
export const clusterCommand: CliCommand = {
  register(program: Command, run) {
    const command = program
      .command("cluster")
      .description(
        "Run a cluster in this process and tell its story: who starts, who asks for votes, who leads. In a terminal, keys kill, pause, cut off, heal, add and remove servers (? lists them).",
      )
      .helpOption("-h, --help", "Print help.");
    for (const [flags, text, fallback] of clusterFlags) {
      command.addOption(flag("cluster", flags, text, fallback));
    }
    command.action((flags: ClusterFlags) =>
      run(async () => {
        const options = readOptions(flags);
        const { runClusterStory } = await import("../../cluster-story/run-cluster.ts");
        return runClusterStory(options);
      }),
    );
  },
};

function readOptions(flags: ClusterFlags): ClusterStoryOptions {
  const seed = flags.seed === undefined ? null : readNumber("--seed", flags.seed, 0, 2 ** 32 - 1);
  const script = flags.script === undefined ? null : readScript(flags.script);
  if (seed !== null && flags.dataDir !== undefined) {
    throw new CommandError("--data-dir: a simulated cluster keeps nothing on this disk", exitCode.usage);
  }
  const duration = flags.for ?? (seed !== null && script === null ? simulatedDefault : undefined);
  const serverCount = readServerCount(flags.nodes);
  return {
    serverCount,
    port: readNumber("--port", flags.port, 1, 65_536 - 2 * serverCountMax),
    timing: resolveTiming({
      electionTimeoutMin: readMs("--election-timeout-min", flags.electionTimeoutMin),
      electionTimeoutMax: readMs("--election-timeout-max", flags.electionTimeoutMax),
      heartbeat: readMs("--heartbeat", flags.heartbeat),
      baseTick: flags.baseTick === undefined ? null : readMs("--base-tick", flags.baseTick),
      electionTick: readNumber("--election-tick", flags.electionTick, 2, 1000),
      heartbeatTick: readNumber("--heartbeat-tick", flags.heartbeatTick, 1, 1000),
    }),
    snapshotEntryCount:
      flags.snapshotEntries === undefined
        ? null
        : readNumber("--snapshot-entries", flags.snapshotEntries, 1, 1_000_000),
    dataDir: flags.dataDir ?? null,
    script,
    killLeaderAfterMs: readTime("--kill-leader-after", flags.killLeaderAfter),
    durationMs: readTime("--for", duration),
    seed,
    json: flags.json,
    verbose: flags.verbose,
  };
}

function readServerCount(text: string): number {
  if (text === "0") {
    throw new CommandError("a cluster of 0 servers has nobody to tell of: choose -n 1 or more");
  }
  return readNumber("-n", text, 1, serverCountMax);
}

function readNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new CommandError(
      `${flag} "${text}": needs a whole number from ${least} to ${most}`,
      exitCode.usage,
    );
  }
  return value;
}

function readMs(flag: string, text: string): number {
  return readNumber(flag, text.replace(/ms$/, ""), 1, 60_000);
}

function readTime(flag: string, text: string | undefined): number | null {
  if (text === undefined) {
    return null;
  }
  const ms = parseDuration(text);
  if (ms === null) {
    throw new CommandError(`${flag} "${text}": needs a time such as 500ms or 5s`, exitCode.usage);
  }
  return ms;
}

function readScript(path: string): ClusterStoryOptions["script"] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(`--script ${path} cannot be read (${code})`, exitCode.failure, { cause: error });
  }
  return { path, steps: parseScript(text, path) };
}
