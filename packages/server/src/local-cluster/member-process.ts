/** One server as a child process: its own process group, its log in a file, and no life without its parent. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const mainFile: string = fileURLToPath(new URL("../../bin/quorate.js", import.meta.url));

/** How a process ended: by itself or by a signal. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How to start a server process. */
interface MemberProcessOptions {
  /** Flags of `quorate serve`. */
  readonly flags: readonly string[];
  /** Its stdout and stderr are appended here. */
  readonly logFile: string;
  /** Replaces this process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Module to run instead of the program itself; only tests have another. */
  readonly mainFile?: string;
}

/** A running server process. */
export interface MemberProcess {
  readonly pid: number;
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Null while the process runs. */
  readonly end: ProcessEnd | null;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `quorate serve`. */
export function startMemberProcess(options: MemberProcessOptions): MemberProcess {
  const log = openSync(options.logFile, "a");
  const child: ChildProcess = spawn(
    process.execPath,
    [...nodeOptions(), options.mainFile ?? mainFile, "serve", ...options.flags],
    {
      // A Ctrl-C in the terminal goes to whole process groups; these are stopped by their parent, in order.
      detached: true,
      // The channel carries nothing: that it breaks tells the child that its parent is gone.
      stdio: ["ignore", log, log, "ipc"],
      env: options.environment ?? process.env,
    },
  );
  closeSync(log);
  let end: ProcessEnd | null = null;
  const ended = new Promise<ProcessEnd>((resolve) => {
    const finish = (result: ProcessEnd): void => {
      end = result;
      resolve(result);
    };
    child.once("exit", (code, signal) => finish({ code, signal }));
    child.once("error", () => finish({ code: 1, signal: null }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    get end() {
      return end;
    },
    kill: (signal) => void child.kill(signal),
  };
}

/** What this process was started with, without what belongs to a test runner or debugger. */
function nodeOptions(): string[] {
  const options = process.execArgv.filter(
    (option) => !/^--(test|inspect|watch|eval|print)|^-[ep]$/.test(option),
  );
  const fromSources =
    import.meta.url.endsWith(".ts") && !options.some((option) => option.startsWith("--conditions"));
  return fromSources ? ["--conditions=source", ...options] : options;
}

/** The last line of a log that says why the process ended, or null. */
export function lastComplaint(logFile: string): string | null {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n");
  const line = lines.at(-1) ?? "";
  return line.startsWith("quorate: ") ? line.slice("quorate: ".length) : null;
}
