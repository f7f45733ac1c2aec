/** Asks the reference: the program of interop/etcd-raft, which answers scripts as etcd-io/raft's own tests would. */
import { spawnSync } from "node:child_process";

const scriptEnd = "====";
const outputBytesMax = 2 ** 31 - 1;

/** The scripts with the reference's answers. One ends before the first command that the reference refuses. */
export function answerScripts(program: string, scripts: readonly (readonly string[])[]): string[] {
  const input = scripts.map((script) => `${script.map(block).join("")}${scriptEnd}\n`).join("");
  const run = spawnSync(program, { input, encoding: "utf8", maxBuffer: outputBytesMax });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`the reference failed: ${run.error?.message ?? run.stderr}`);
  }
  const answered = run.stdout.split(`${scriptEnd}\n`).slice(0, -1);
  if (answered.length !== scripts.length) {
    throw new Error(`${scripts.length} scripts asked, ${answered.length} answered`);
  }
  return answered;
}

function block(command: string): string {
  return `${command}\n----\n\n`;
}
