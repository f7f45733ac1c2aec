/** `check perf`: a minute of writes at a rate, judged as etcdctl judges. */
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { Progress } from "../progress.ts";
import { isTaken, type LoadResult, tidyUp, writeLoad } from "./load.ts";

/** ETCD: the same loads. */
const loads: Readonly<Record<string, { readonly clients: number; readonly perSecond: number }>> = {
  s: { clients: 50, perSecond: 150 },
  m: { clients: 200, perSecond: 1000 },
  l: { clients: 500, perSecond: 8000 },
  xl: { clients: 1000, perSecond: 15_000 },
};
const loadNames: Readonly<Record<string, string>> = {
  small: "s",
  medium: "m",
  large: "l",
  xlarge: "xl",
};

const durationMs = 60_000;
/** Of the rate, what must have been reached. */
const shareMin = 0.9;
const slowestSecondsMax = 0.5;
const deviationSecondsMax = 0.1;

/** The load that a flag names. */
export function loadName(text: string): string {
  const lower = text.toLowerCase();
  return loadNames[lower] ?? lower;
}

/** Writes for a minute, prints a verdict for each measure; exit code 1 when one of them is bad. */
export async function checkPerf(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const load = loads[loadName(flags.text("load"))];
  if (args.length > 0) {
    throw badArguments("check perf takes no arguments");
  }
  if (load === undefined) {
    throw new CtlError(`unknown load option ${flags.text("load")}`, ctlExit.badFeature);
  }
  const client = await context.client();
  const prefix = flags.text("prefix");
  if (await isTaken(client, prefix)) {
    throw new CtlError(
      `prefix "${prefix}" has keys. Delete with "etcdctl del --prefix ${prefix}" first`,
      ctlExit.interrupted,
    );
  }
  const progress = new Progress("writing");
  const startMs = performance.now();
  const result = await writeLoad(client, {
    prefix,
    keyBytes: 256 - prefix.length,
    valueBytes: 1024,
    callCountMax: load.clients,
    perSecond: load.perSecond,
    durationMs,
    onWrite: (done) => progress.show(performance.now() - startMs, durationMs, `${done} writes`),
  });
  progress.end();
  await tidyUp(context, client, prefix);
  const verdicts = judge(result, load.perSecond);
  const passed = verdicts.every(({ good }) => good);
  output.lines([
    ...verdicts.map(({ good, text }) => `${good ? "PASS" : "FAIL"}: ${text}`),
    passed ? "PASS" : "FAIL",
  ]);
  return passed ? ctlExit.ok : ctlExit.error;
}

function judge(
  { delaysMs, failures, tookMs }: LoadResult,
  perSecond: number,
): { good: boolean; text: string }[] {
  const rate = delaysMs.length / (tookMs / 1000);
  const meanMs = delaysMs.reduce((sum, one) => sum + one, 0) / Math.max(1, delaysMs.length);
  const variance = delaysMs.reduce((sum, one) => sum + (one - meanMs) ** 2, 0) / Math.max(1, delaysMs.length);
  const slowest = delaysMs.reduce((most, one) => Math.max(most, one), 0) / 1000;
  const deviation = Math.sqrt(variance) / 1000;
  const fast = rate >= perSecond * shareMin;
  return [
    ...(failures.length === 0
      ? []
      : [{ good: false, text: `too many errors\n${[...new Set(failures)].join("\n")}` }]),
    {
      good: fast,
      text: fast
        ? `Throughput is ${Math.round(rate)} writes/s`
        : `Throughput too low: ${Math.round(rate)} writes/s`,
    },
    {
      good: slowest <= slowestSecondsMax,
      text: `${slowest <= slowestSecondsMax ? "Slowest request took" : "Slowest request took too long:"} ${slowest.toFixed(6)}s`,
    },
    {
      good: deviation <= deviationSecondsMax,
      text: `${deviation <= deviationSecondsMax ? "Stddev is" : "Stddev too high:"} ${deviation.toFixed(6)}s`,
    },
  ];
}
