/** `check datascale`: how much memory the server's process takes for so many keys, by its own metrics. */
import { CommandError } from "../../exit-code.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { Progress } from "../progress.ts";
import { loadName } from "./check-perf.ts";
import { isTaken, tidyUp, writeLoad } from "./load.ts";

/** ETCD: the same loads; sizes in bytes, keys and values of 1 KiB. */
const loads: Readonly<Record<string, { readonly writes: number; readonly clients: number }>> = {
  s: { writes: 10_000, clients: 50 },
  m: { writes: 100_000, clients: 200 },
  l: { writes: 1_000_000, clients: 500 },
  xl: { writes: 3_000_000, clients: 1000 },
};
const keyBytes = 32;
const valueBytes = 1024;
const megabyte = 1024 * 1024;

/** Writes the keys, and prints the growth. */
export async function checkDatascale(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const load = loads[loadName(flags.text("load"))];
  if (args.length > 0) {
    throw badArguments("check datascale takes no arguments");
  }
  if (load === undefined) {
    throw new CtlError(`unknown load option ${flags.text("load")}`, ctlExit.badFeature);
  }
  const client = (await context.client()).only((await context.client()).endpoint);
  try {
    const prefix = flags.text("prefix");
    if (await isTaken(client, prefix)) {
      throw new CtlError(
        `prefix "${prefix}" has keys. Delete with "etcdctl del --prefix ${prefix}" first`,
        ctlExit.interrupted,
      );
    }
    const { url } = client.endpoint;
    const before = await residentBytes(url);
    if (before === 0) {
      throw new CtlError(
        "FAIL: Could not read process_resident_memory_bytes before the put operations.",
        ctlExit.interrupted,
      );
    }
    output.lines([
      `Start data scale check for work load [${load.writes} key-value pairs, ${valueBytes} bytes per key-value, ${load.clients} concurrent clients].`,
    ]);
    const progress = new Progress("writing");
    const result = await writeLoad(client, {
      prefix,
      keyBytes,
      valueBytes,
      callCountMax: load.clients,
      writeCount: load.writes,
      onWrite: (done) => progress.show(done, load.writes, `${done} keys`),
    });
    progress.end();
    const after = await residentBytes(url);
    await tidyUp(context, client, prefix);
    const used = ((after - before) / megabyte).toFixed(2);
    if (result.failures.length > 0) {
      output.lines(["FAIL: too many errors", ...new Set(result.failures)]);
      return ctlExit.error;
    }
    output.lines([`PASS: Approximate system memory used : ${used} MB.`]);
    return ctlExit.ok;
  } finally {
    client.close();
  }
}

async function residentBytes(url: string): Promise<number> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) });
    const match = /^process_resident_memory_bytes (\S+)$/m.exec(await answer.text());
    return Number(match?.[1] ?? 0);
  } catch (error) {
    throw new CommandError(
      `${url}/metrics does not answer: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
