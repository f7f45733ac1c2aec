/** What `npm run sim` is asked for. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type ProfileName, profileNames, profiles } from "@quorate/sim";

/** The arguments, read. */
export interface Options {
  readonly from: number;
  readonly count: number;
  readonly profile: ProfileName;
  readonly workerCount: number;
  readonly verbose: boolean;
  readonly keepGoing: boolean;
  readonly json: boolean;
  /** Where a long run notes how far it is. */
  readonly resumePath: string | null;
  /** One run: the steps of the protocol, or every event of the world. */
  readonly tracePath: string | null;
  readonly eventsPath: string | null;
  /** One run: made as small as it still fails. */
  readonly shrink: boolean;
  readonly outPath: string | null;
  /** A shrunken run, instead of a seed. */
  readonly schedulePath: string | null;
}

/** What the user asked for makes no sense. */
export class UsageError extends Error {}

/** The help text. */
export const usage = `usage: npm run sim -- [--seeds COUNT] [--from N] [--profile NAME] [--workers N] [--resume FILE] [--keep-going]
       npm run sim -- --seed N [--profile NAME] [--trace FILE] [--events FILE] [--shrink [--out FILE]]
       npm run sim -- --schedule FILE [--trace FILE] [--events FILE] [--shrink [--out FILE]]

many seeds
  --seeds COUNT     so many seeds (default 200), from --from on (default 1)
  --workers N       threads (default: one for each core)
  --resume FILE     notes the progress there, and goes on from what stands there
  --keep-going      does not stop at the first seed that breaks a promise
  --verbose         one line for each seed

one run
  --seed N          this seed
  --schedule FILE   a run that --shrink has written
  --trace FILE      the steps of the protocol as NDJSON, see docs/trace.md
  --events FILE     every event of the simulated world as a line { at, event }
  --shrink          makes a failing run as small as it still fails by the same checker
  --out FILE        where the shrunken run goes (default: seed-N.schedule.json in the folder for temporary files)

both
  --profile NAME    one of
${profileNames.map((name) => `                      ${name.padEnd(10)}${profiles[name].about}`).join("\n")}
  --json            the summary as one JSON line, the last of the output
  --help            this text

exit code: 0 all promises held; 1 one was broken, or a kind of fault or request never happened in 200 seeds or more of the default profile; 2 usage`;

/** Null when the help is asked for. @throws UsageError */
export function readOptions(args: readonly string[]): Options | null {
  const values = parse(args);
  if (values.help) {
    return null;
  }
  const isOne = values.seed !== undefined || values.schedule !== undefined;
  refuseMixed(values, isOne);
  const profile = profileNames.find((name) => name === values.profile);
  if (profile === undefined) {
    throw new UsageError(`no profile '${values.profile}'; there are ${profileNames.join(", ")}`);
  }
  return {
    from: natural("--seed", values.seed) ?? natural("--from", values.from) ?? 1,
    count: isOne ? 1 : positive("--seeds", values.seeds ?? "200"),
    profile,
    workerCount: positive("--workers", values.workers ?? String(availableParallelism())),
    verbose: values.verbose,
    keepGoing: values["keep-going"],
    json: values.json,
    resumePath: values.resume ?? null,
    tracePath: values.trace ?? null,
    eventsPath: values.events ?? null,
    shrink: values.shrink,
    outPath: values.out ?? null,
    schedulePath: values.schedule ?? null,
  };
}

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: text,
        seeds: text,
        from: text,
        profile: { type: "string", default: "default" },
        workers: text,
        resume: text,
        trace: text,
        events: text,
        schedule: text,
        out: text,
        shrink: flag,
        "keep-going": flag,
        verbose: flag,
        json: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Options that say nothing together are refused, and not the one or the other left out in silence. */
function refuseMixed(values: Values, isOne: boolean): void {
  const forMany = ["seeds", "from", "resume", "workers"] as const;
  const forOne = ["trace", "events", "shrink", "out"] as const;
  if (values.seed !== undefined && values.schedule !== undefined) {
    throw new UsageError("--seed or --schedule, not both");
  }
  for (const name of isOne ? forMany : forOne) {
    if (values[name] !== undefined && values[name] !== false) {
      throw new UsageError(isOne ? `--${name} is for many seeds` : `--${name} needs one run: add --seed N`);
    }
  }
  if (values.out !== undefined && !values.shrink) {
    throw new UsageError("--out is for --shrink");
  }
  if (values.schedule !== undefined && values.profile !== "default") {
    throw new UsageError("a schedule has its plan in it: --profile is for seeds");
  }
}

function natural(name: string, text: string | undefined): number | null {
  if (text === undefined) {
    return null;
  }
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new UsageError(`${name} takes a natural number, not '${text}'`);
  }
  return value;
}

function positive(name: string, text: string): number {
  const value = natural(name, text) ?? 0;
  if (value < 1) {
    throw new UsageError(`${name} takes at least 1`);
  }
  return value;
}
