/** Examples as real processes, for their tests: run to the end, or started, watched by what they print, and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { root, toolEnvironment } from "../../scripts/lib/root.ts";
import { type Outcome, run } from "../../scripts/lib/run.ts";

/** Runs `node examples/<script> …args` to its end. */
export function runExample(
  script: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return run(process.execPath, [join(root, "examples", script), ...args], {
    env: { ...toolEnvironment(), ...env },
  });
}

/** An example that runs. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  #output = "";

  constructor(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [join(root, "examples", script), ...args], {
      cwd: root,
      env: { ...toolEnvironment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString("utf8");
    };
    this.#child.stdout?.on("data", collect);
    this.#child.stderr?.on("data", collect);
    this.#ended = new Promise((resolve) => this.#child.once("close", (code) => resolve(code ?? 128)));
  }

  /** Everything it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Resolves once the output matches. @throws Error with the output when it does not in time, or the process ends first. */
  async printed(pattern: RegExp, withinMs = 20_000): Promise<RegExpExecArray> {
    const untilMs = performance.now() + withinMs;
    let ended = false;
    void this.#ended.then(() => {
      ended = true;
    });
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) {
        return match;
      }
      if (ended || performance.now() > untilMs) {
        throw new Error(`${ended ? "ended" : "not in time"}: ${pattern} in\n${this.#output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Sends `signal` and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends `signal` and resolves with the exit code, 128 when the signal ended it. */
  stop(signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    this.#child.kill(signal);
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop("SIGKILL").then(() => {});
  }
}

/** Asks again until `condition` holds. @throws Error naming `what` when it does not in time. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > untilMs) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
