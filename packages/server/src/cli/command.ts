/** The shape of a command: its words and options at once, its work loaded when it runs. */
import type { Command } from "commander";

/** What a command may use of the process. */
export interface CliContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The name the program was started by. Started as `etcd`, it is `serve` and takes etcd's command line. */
  readonly startedAs: string;
}

/** Runs the loaded work of a command; what it returns is the exit code. */
type RunCommand = (work: (context: CliContext) => Promise<number>) => Promise<void>;

/** One command, in a file of its own under commands/. */
export interface CliCommand {
  /** Adds it to the program; its action calls `run`. Modules that are large are imported there. */
  register(program: Command, run: RunCommand): void;
}
