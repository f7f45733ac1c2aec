/** What a member takes of the machine's memory, and what of that it still needs. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { eventually, type ProcessMember } from "../../../src/testing/index.ts";

const kibibytes = 1024;

/** The most resident mebibytes since {@link forgetPeak}; null where the system does not tell. */
export function peakMiB(pid: number): number | null {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) {
    return null;
  }
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(path, "utf8"))?.[1];
  return peak === undefined ? null : Number(peak) / kibibytes;
}

/** Has the system count the peak anew. */
export function forgetPeak(pid: number): void {
  const path = `/proc/${pid}/clear_refs`;
  if (existsSync(path)) {
    writeFileSync(path, "5");
  }
}

/** Mebibytes that are reachable in a member that runs observed-main.ts. */
export async function liveMiB(member: ProcessMember, filePrefix: string): Promise<number> {
  const { process: running } = member;
  if (running === null) {
    throw new Error(`${member.name} does not run`);
  }
  const path = `${filePrefix}${running.pid}`;
  rmSync(path, { force: true });
  running.kill("SIGWINCH");
  await eventually(`${member.name} to collect its garbage`, 20_000, () => existsSync(path) || undefined);
  return (JSON.parse(readFileSync(path, "utf8")) as { readonly liveMiB: number }).liveMiB;
}
