/**
 * `npm run explore`: visits every world within the bounds and says how many there are, or the shortest way to a broken promise.
 * Exit code 0 when all were visited and all promises held, 1 on a violation, 2 on a usage error, 3 when a limit ended it before.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { defaultExplorerPlan, type ExplorerPlan, type ExplorerProgress, explore } from "@quorate/sim";
import { ExploreCheckpoint } from "./explore-checkpoint.ts";

const usage = `usage: npm run explore -- [bounds] [--worlds N] [--seconds N] [--resume FILE] [--no-reduction] [--json]
  --nodes N --voters N          members, and how many of them vote at the start (default 3 and 3)
  --terms N --proposals N --crashes N --changes N --heartbeats N
                                what may happen so often (default 3, 2, 1, 1, 0)
  --campaigns N                 elections begun (default: as the terms allow; 3 with --pre-vote)
  --link N --batches N          messages on a link, batches on a way to a disk (default 2, 1)
  --lossy                       what is sent into a full link is lost; else the step that sends it waits for room
  --pre-vote                    elections begin with a trial
  --silent-voters               candidates of an earlier term are not told the present one: down to a third of the worlds
  --worlds N --seconds N        end after so many worlds, or so much time
  --resume FILE                 when ended so, leave there how far it came, and go on from there with the same code (1 GB for some 50 million worlds)
  --no-reduction                every order of steps, also where orders make no difference: many times as many worlds
  --json                        the report as one JSON line
  --help                        this text
exit code: 0 all worlds visited, no promise broken; 1 a promise is broken; 2 usage; 3 ended by --worlds or --seconds`;

class UsageError extends Error {}

function natural(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) {
    return fallback;
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw new UsageError(`--${name} takes a natural number, not '${text}'`);
  }
  return Number(text);
}

interface Options {
  readonly plan: ExplorerPlan;
  readonly worldCountMax: number;
  readonly secondsMax: number;
  readonly resumePath: string | null;
  readonly reduction: boolean;
  readonly json: boolean;
}

/** Null when help is asked for. */
function readOptions(args: string[]): Options | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      nodes: text,
      voters: text,
      terms: text,
      proposals: text,
      crashes: text,
      changes: text,
      heartbeats: text,
      campaigns: text,
      link: text,
      batches: text,
      worlds: text,
      seconds: text,
      resume: text,
      lossy: { type: "boolean", default: false },
      "pre-vote": { type: "boolean", default: false },
      "silent-voters": { type: "boolean", default: false },
      "no-reduction": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    return null;
  }
  const number = (
    name: Exclude<
      keyof typeof values,
      "lossy" | "pre-vote" | "silent-voters" | "no-reduction" | "resume" | "json" | "help"
    >,
    fallback: number,
  ): number => natural(name, values[name], fallback);
  const nodeCount = number("nodes", defaultExplorerPlan.nodeCount);
  const plan: ExplorerPlan = {
    nodeCount,
    voterCount: number("voters", nodeCount),
    termMax: number("terms", defaultExplorerPlan.termMax),
    proposalCountMax: number("proposals", defaultExplorerPlan.proposalCountMax),
    crashCountMax: number("crashes", defaultExplorerPlan.crashCountMax),
    confChangeCountMax: number("changes", defaultExplorerPlan.confChangeCountMax),
    campaignCountMax: values.campaigns === undefined && !values["pre-vote"] ? null : number("campaigns", 3),
    heartbeatCountMax: number("heartbeats", defaultExplorerPlan.heartbeatCountMax),
    linkCapacity: number("link", defaultExplorerPlan.linkCapacity),
    linksLose: values.lossy,
    pendingBatchesMax: number("batches", defaultExplorerPlan.pendingBatchesMax),
    preVote: values["pre-vote"],
    candidatesAnswered: !values["silent-voters"],
    diskForgets: false,
  };
  if (nodeCount < 1 || nodeCount > 4 || plan.voterCount < 1 || plan.voterCount > nodeCount) {
    throw new UsageError("--nodes takes 1 to 4, --voters at least 1 and at most as many");
  }
  if (plan.termMax < 1 || plan.linkCapacity < 1 || plan.pendingBatchesMax < 1) {
    throw new UsageError("--terms, --link and --batches take at least 1");
  }
  const counts = [plan.proposalCountMax, plan.crashCountMax, plan.confChangeCountMax, plan.heartbeatCountMax];
  if (Math.max(...counts, plan.campaignCountMax ?? 0) > 63) {
    throw new UsageError("--proposals, --crashes, --changes, --heartbeats and --campaigns take at most 63");
  }
  return {
    plan,
    worldCountMax: number("worlds", Number.MAX_SAFE_INTEGER),
    secondsMax: number("seconds", Number.MAX_SAFE_INTEGER),
    resumePath: values.resume ?? null,
    reduction: !values["no-reduction"],
    json: values.json,
  };
}

/** One line that tells how far an exploration has come. */
function progressLine(progress: ExplorerProgress, seconds: number): string {
  const mebibytes = Math.round(process.memoryUsage().rss / 2 ** 20);
  const rate = Math.round(progress.worldCount / seconds);
  return (
    `${progress.worldCount} worlds, ${progress.expandedCount} expanded, ${progress.frontierCount} wait, ` +
    `${progress.stepCount} steps, ${progress.withheldCount} withheld, ${progress.stuckCount} worlds stuck, depth ${progress.depth}, ${progress.localStateCount} states of a member, ` +
    `${progress.localStepCount} steps by the core, ${progress.messageCount} messages, ` +
    `${seconds.toFixed(1)} s, ${rate} worlds/s, ${mebibytes} MiB`
  );
}

function main(): number {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    console.log(usage);
    return 0;
  }
  const { plan, worldCountMax, secondsMax, resumePath, reduction, json } = options;
  const startedMs = performance.now();
  const checkpoint = resumePath === null ? null : new ExploreCheckpoint(resumePath, { plan, reduction });
  const resumeFrom = checkpoint?.open() ?? null;
  const line = (progress: ExplorerProgress): string =>
    progressLine(progress, (performance.now() - startedMs) / 1000);
  const report = explore({
    plan,
    worldCountMax,
    reduction,
    isTimeUp: () => performance.now() - startedMs >= secondsMax * 1000,
    ...(resumeFrom === null ? {} : { resumeFrom }),
    ...(checkpoint === null ? {} : { saveTo: () => checkpoint.create() }),
    progressInterval: 1_000_000,
    onProgress: (progress) => {
      if (!json) {
        console.log(line(progress));
      }
    },
  });
  checkpoint?.finish();
  if (json) {
    console.log(JSON.stringify({ ...report, violation: report.violation?.message ?? null, plan }));
  } else {
    console.log(`plan: ${JSON.stringify(plan)}`);
    console.log(
      `${report.complete ? "all" : "not all"}: ${line(report)}, longest committed log ${report.committedMax}, ` +
        `chance that two worlds had one fingerprint ${report.missedChance.toExponential(1)}`,
    );
  }
  if (report.violation !== null) {
    console.error([report.violation.message, ...report.way].join("\n"));
    return 1;
  }
  return report.complete ? 0 : 3;
}

try {
  process.exitCode = main();
} catch (error) {
  if (error instanceof UsageError || (error instanceof TypeError && "code" in error)) {
    console.error(`${error.message}\n${usage}`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
