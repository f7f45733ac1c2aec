/** The shape of a command: its words and options at once, its work loaded when it runs. */
import type { Command } from "commander";
import type { CliContext } from "./program.ts";

/** Runs the loaded work of a command; what it returns is the exit code. */
export type RunCommand = (work: (context: CliContext) => Promise<number>) => Promise<void>;

/** One command, in a file of its own under commands/. */
export interface CliCommand {
  /** Adds it to the program; its action calls `run`. Modules that are large are imported there. */
  register(program: Command, run: RunCommand): void;
}
