/** Runs one script and finds where it first differs. */
import { runCommand } from "./commands.ts";
import { Environment } from "./environment.ts";
import { parseScript } from "./script.ts";

/** The first difference in a script. */
interface Mismatch {
  /** Counted from 1. */
  readonly command: number;
  /** The command's name. */
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

/** The first difference between what `text` expects and what our core does; null when there is none. */
export function runScript(text: string): Mismatch | null {
  const environment = new Environment();
  let number = 0;
  for (const command of parseScript(text)) {
    number++;
    const got = runCommand(environment, command);
    const length = Math.max(got.length, command.expected.length);
    for (let line = 0; line < length; line++) {
      const expectedLine = command.expected[line] ?? "(nothing)";
      const gotLine = got[line] ?? "(nothing)";
      if (expectedLine.trimEnd() !== gotLine.trimEnd()) {
        return { command: number, name: command.name, expected: expectedLine, got: gotLine };
      }
    }
  }
  return null;
}
