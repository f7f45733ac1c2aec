/** The scripts' format: blocks of a command line, for some an input line, `----`, and the expected output up to an empty line. */

/** One command with the output that is expected of it. */
export interface ScriptCommand {
  readonly name: string;
  /** Words behind the name that are no `key=value`. */
  readonly words: readonly string[];
  /** The others; `voters=(1,2)` gives two values. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly input: string;
  readonly expected: readonly string[];
}

const separator = "----";

/** The commands of `text`, in order. */
export function parseScript(text: string): ScriptCommand[] {
  const lines = text.split("\n");
  const commands: ScriptCommand[] = [];
  let at = 0;
  while (at < lines.length) {
    const head = lines[at] ?? "";
    if (head === "" || head.startsWith("#")) {
      at++;
      continue;
    }
    const bar = lines.indexOf(separator, at);
    if (bar < 0) {
      throw new Error(`command without ${separator}: ${head}`);
    }
    const input = lines.slice(at + 1, bar).join("\n");
    let end = bar + 1;
    while (end < lines.length && lines[end] !== "") {
      end++;
    }
    commands.push({ ...parseHead(head), input, expected: lines.slice(bar + 1, end) });
    at = end;
  }
  return commands;
}

function parseHead(head: string): Pick<ScriptCommand, "name" | "words" | "options"> {
  const [name = "", ...rest] = head.split(/\s+/).filter((word) => word !== "");
  const words: string[] = [];
  const options = new Map<string, readonly string[]>();
  for (const word of rest) {
    const equals = word.indexOf("=");
    if (equals < 0) {
      words.push(word);
    } else {
      const value = word.slice(equals + 1).replace(/^\((.*)\)$/, "$1");
      options.set(word.slice(0, equals), value.split(","));
    }
  }
  return { name, words, options };
}
