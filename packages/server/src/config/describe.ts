/** The flag table as text: the help of `quorate serve`, and docs/flags.md. */
import { environmentNames, type Flag, flagTable, settings } from "./flag-table.ts";

const rows: readonly Flag<unknown>[] = settings.map((setting) => flagTable[setting] as Flag<unknown>);
const groups: readonly Flag<unknown>["group"][] = [
  "Member",
  "Clustering",
  "Raft",
  "Limits",
  "Logging",
  "Configuration",
];

/** The flags by group, for help on a terminal. */
export function describeFlags(): string {
  return groups
    .map((group) => {
      const flags = rows.filter((flag) => flag.group === group).map(describeFlag);
      return `${group}:\n${flags.join("\n")}`;
    })
    .join("\n\n");
}

function describeFlag(flag: Flag<unknown>): string {
  const defaultText = flag.kind.format(flag.defaultValue);
  const suffix = defaultText === "" ? "" : ` (default ${defaultText})`;
  return `  --${flag.name} ${flag.kind.placeholder}\n${wrap(flag.help + suffix, 8, 100)}`;
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

/** The whole of docs/flags.md. */
export function flagsMarkdown(): string {
  const sections = groups.map((group) => {
    const flags = rows.filter((flag) => flag.group === group);
    return `## ${group}\n\n| flag | environment | default | etcd's default | what it sets |\n| --- | --- | --- | --- | --- |\n${flags.map(markdownRow).join("\n")}`;
  });
  return `${introduction}\n\n${sections.join("\n\n")}\n`;
}

function markdownRow(flag: Flag<unknown>): string {
  const code = (text: string): string => (text === "" ? "–" : `\`${text}\``);
  const [own] = environmentNames(flag.name);
  const placeholder = flag.kind.placeholder.replaceAll("|", "\\|");
  return `| \`--${flag.name} ${placeholder}\` | \`${own}\` | ${code(flag.kind.format(flag.defaultValue))} | ${code(flag.etcdDefault)} | ${flag.help.replaceAll("|", "\\|").replaceAll("<", "&lt;")} |`;
}

const introduction = `# Flags of \`quorate serve\`

This page is made from the flag table (\`packages/server/src/config/flag-table.ts\`); a test fails when it is not current, and
writes it when \`QUORATE_UPDATE_DOCS=1\` is set.

- Both \`--flag value\` and \`--flag=value\` work, with one dash or two. A repeated flag: the last one counts.
- Each flag is also an environment variable, \`QUORATE_…\` as shown or \`ETCD_…\` with the same ending, and a key of the YAML file
  that \`--config-file\` names. A flag goes before \`QUORATE_…\`, that before \`ETCD_…\`, that before the file, that before the
  default. (etcd ignores flags and environment when it has a configuration file; here they refine it.)
- What is unknown is refused with the nearest known name, exit code 2. All problems are reported at once, one line each.
- Once the data directory is filled it decides who this member is: \`--name\`, \`--initial-cluster\`,
  \`--initial-advertise-peer-urls\` and \`--initial-cluster-state\` are then only compared with it. Another
  \`--initial-cluster-token\` than the recorded one, or the name of another member of the same cluster, is refused.
- Exit codes: 0 stopped as asked, 1 could not start or run, 2 wrong usage, 70 an internal error, 74 a disk that failed.`;
