/** The shape of client commands: their words, flags and help at once; their work is loaded when it runs. */
import type { ClusterClient } from "../../client/cluster-client.ts";
import type { Endpoint } from "../../client/endpoint.ts";
import type { CtlFlag, FlagValues } from "./flags.ts";
import type { Output } from "./output.ts";

/** What the work of a command has at hand. */
export interface CtlContext {
  /** The words behind the command's own, up to and behind `--`. */
  readonly args: readonly string[];
  /** How many of them stand before `--`; null where there is none. */
  readonly argCountBeforeDash: number | null;
  readonly flags: FlagValues;
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Every command, for those that tell of the others. */
  readonly commands: readonly CtlCommand[];
  /** The name the program goes by in its help. */
  readonly program: string;
  /** The cluster that the flags name; made by the first call, closed when the command ends. */
  client(): Promise<ClusterClient>;
  /** An endpoint that a member published, to be spoken to as those on the command line. */
  endpoint(text: string): Endpoint;
}

/** One command. */
export interface CtlCommand {
  /** `["lease", "grant"]`. */
  readonly words: readonly string[];
  /** What follows the words. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  /** More, for its own help. */
  readonly details?: string;
  /** Command lines that show it, without the program's name. */
  readonly examples?: readonly string[];
  readonly flags?: readonly CtlFlag[];
  /** Where a boolean or a value of a flag is completed: words to choose from, by flag name; "" for the first argument. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Resolves with the exit code. */
  run(context: CtlContext): Promise<number>;
}

/** Commands under one word. */
export interface CtlGroup {
  readonly word: string;
  readonly summary: string;
}

/** A heading of the list of commands. */
export interface CtlChapter {
  readonly title: string;
  readonly words: readonly string[];
}
