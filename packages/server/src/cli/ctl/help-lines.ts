/** Lines of help: flags, columns, paragraphs. */
import type { CtlFlag } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";

const lineWidth = 100;

/** The flags of every command. */
export function globalHelp(): string {
  return [
    "Flags of every client command. Each is also a variable: QUORATE_CLIENT_NAME or ETCDCTL_NAME for --name.",
    "",
    ...flagLines(globalFlags),
    "",
  ].join("\n");
}

/** A line or more for each flag. */
export function flagLines(flags: readonly CtlFlag[]): string[] {
  const value = {
    bool: "",
    string: " <text>",
    list: " <list>",
    int: " <number>",
    duration: " <time>",
  } as const;
  return columns(
    flags.map((flag) => {
      const short = flag.short === undefined ? "    " : `-${flag.short}, `;
      const preset =
        flag.preset === undefined || flag.preset === "" || flag.preset === "0" ? "" : ` (${flag.preset})`;
      return [`${short}--${flag.name}${value[flag.kind]}`, `${flag.help}${preset}`];
    }),
  );
}

/** Two columns; the right one is wrapped. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, lineWidth - width - 4);
    return [
      `  ${left.padEnd(width)}  ${first}`.trimEnd(),
      ...rest.map((line) => `${" ".repeat(width + 4)}${line}`),
    ];
  });
}

/** A paragraph as lines. */
export function wrap(text: string, width: number = lineWidth): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
