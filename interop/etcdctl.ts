/** etcd's own command-line client, as a process per call. */
import { spawn } from "node:child_process";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs etcdctl against `endpoints`; never rejects for a command that fails. */
export function etcdctl(endpoints: string, args: readonly string[], input = ""): Promise<Outcome> {
  const binary = process.env["ETCDCTL"];
  if (binary === undefined) {
    throw new Error("ETCDCTL names the etcdctl to test with: run this by `npm run interop`");
  }
  return new Promise((resolve, reject) => {
    const child = spawn(binary, ["--endpoints", endpoints, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      // Who ends without having read its input says why on its own.
      if (error.code !== "EPIPE") {
        reject(error);
      }
    });
    child.stdin.end(input);
  });
}

/** Runs etcdctl and returns what it printed. @throws Error when it failed. */
export async function ctl(endpoints: string, args: readonly string[], input = ""): Promise<string> {
  const outcome = await etcdctl(endpoints, args, input);
  if (outcome.code !== 0) {
    throw new Error(`etcdctl ${args.join(" ")}: exit ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
  }
  return outcome.stdout;
}
