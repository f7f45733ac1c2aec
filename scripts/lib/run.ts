/** Starting tools and waiting for them. */
import { spawn } from "node:child_process";
import { root, toolEnvironment } from "./root.ts";

/** What a finished process left behind. */
export interface Outcome {
  /** Exit code; 128 when a signal ended it, 127 when it could not be started. */
  readonly code: number;
  /** Standard output and standard error, interleaved; empty when they went straight to the terminal. */
  readonly output: string;
}

/** How to start a process. */
interface RunOptions {
  /** Working directory; the checkout by default. */
  readonly cwd?: string;
  /** True to let the process write to this terminal instead of collecting its output. */
  readonly show?: boolean;
  /** Instead of {@link toolEnvironment}. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end. It never throws: a program that cannot start is an outcome, too. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? toolEnvironment(),
      stdio: [
        "ignore",
        options.show === true ? "inherit" : "pipe",
        options.show === true ? "inherit" : "pipe",
      ],
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", (error) => resolve({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 128, output }));
  });
}
