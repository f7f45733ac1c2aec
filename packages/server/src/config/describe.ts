/** The flag table as text: the help of `quorate serve`. */
import { flagGroups } from "./flag-row.ts";
import { type Flag, flagOf, settings } from "./flag-table.ts";
import { type Fate, otherFlags } from "./other-flags.ts";

const rows: readonly Flag<unknown>[] = settings.map(flagOf);

/** The flags by group, for help on a terminal. */
export function describeFlags(): string {
  const sections = flagGroups
    .map((group) => ({ group, flags: rows.filter((flag) => flag.group === group) }))
    .filter(({ flags }) => flags.length > 0)
    .map(({ group, flags }) => `${group}:\n${flags.map(describeFlag).join("\n")}`);
  return [...sections, describeOthers("no effect"), describeOthers("refused")].join("\n\n");
}

function describeFlag(flag: Flag<unknown>): string {
  const defaultText = flag.kind.format(flag.defaultValue);
  const suffix = defaultText === "" ? "" : ` (default ${defaultText})`;
  const value = flag.kind.isSwitch === true ? `[=${flag.kind.placeholder}]` : ` ${flag.kind.placeholder}`;
  return `  --${flag.name}${value}\n${wrap(flag.help + suffix, 8, 100)}`;
}

function describeOthers(fate: Fate): string {
  const names = [...otherFlags.values()].filter((flag) => flag.fate === fate).map((flag) => `--${flag.name}`);
  const title =
    fate === "refused" ? "Flags of etcd that are refused" : "Flags of etcd that are taken without effect";
  return `${title} (docs/flags.md says why):\n${wrap(names.join(" "), 2, 100)}`;
}

function wrap(text: string, indent: number, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((one) => " ".repeat(indent) + one).join("\n");
}
