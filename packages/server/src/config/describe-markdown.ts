/** The flag table as documents: docs/flags.md, and the part of docs/etcd-compat.md that goes flag by flag. */
import { featureGates } from "./feature-gates.ts";
import { flagGroups } from "./flag-row.ts";
import { environmentNames, type Flag, flagOf, settings } from "./flag-table.ts";
import { type Fate, oldNames, oldSwitches, otherFlags } from "./other-flags.ts";

const rows: readonly Flag<unknown>[] = settings.map(flagOf);

/** The whole of docs/flags.md. */
export function flagsMarkdown(): string {
  const sections = flagGroups
    .map((group) => ({ group, flags: rows.filter((flag) => flag.group === group) }))
    .filter(({ flags }) => flags.length > 0)
    .map(
      ({ group, flags }) =>
        `## ${group}\n\n| flag | environment | default | etcd's default | what it sets |\n| --- | --- | --- | --- | --- |\n${flags.map(flagRow).join("\n")}`,
    );
  return `${[introduction, ...sections, gates(), others("no effect"), others("refused"), oldForms()].join("\n\n")}\n`;
}

/** A row for each flag of etcd 3.7, for docs/etcd-compat.md. */
export function flagCompatMarkdown(): string {
  const honoured = rows
    .filter((flag) => flag.isEtcds)
    .map(({ name, differs }) => [name, differs === undefined ? "same" : "differs", differs ?? ""] as const);
  const rest = [...otherFlags.values()].map(({ name, fate, why }) => [name, fate, why] as const);
  const lines = [...honoured, ...rest]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, state, note]) => `| \`--${name}\` | ${state} | ${cell(note)}${note === "" ? "" : " "}|`);
  return `| flag | state | what is to know |\n| --- | --- | --- |\n${lines.join("\n")}`;
}

function flagRow(flag: Flag<unknown>): string {
  const [own] = environmentNames(flag.name);
  const placeholder = cell(flag.kind.placeholder);
  const value = flag.kind.isSwitch === true ? `[=${placeholder}]` : ` ${placeholder}`;
  const isDefault = flag.kind.format(flag.defaultValue);
  return `| \`--${flag.name}${value}\` | \`${own}\` | ${code(isDefault)} | ${code(flag.etcdDefault)} | ${escapeHtml(cell(flag.help))} |`;
}

function gates(): string {
  const lines = featureGates.map(
    ({ name, stage, etcdDefault, fate, why }) =>
      `| \`${name}\` | ${stage}, ${etcdDefault ? "on" : "off"} | ${fate} | ${cell(why)} |`,
  );
  return `## Switches of \`--feature-gates\`

\`AllAlpha\` and \`AllBeta\` set all of a stage that are not named. One that is refused cannot be switched on.

| switch | in etcd | here | |
| --- | --- | --- | --- |
${lines.join("\n")}`;
}

function others(fate: Fate): string {
  const lines = [...otherFlags.values()]
    .filter((flag) => flag.fate === fate)
    .map(({ name, etcdDefault, why }) => `| \`--${name}\` | ${code(etcdDefault)} | ${cell(why)} |`);
  const [title, text] = fate === "refused" ? refusedTitle : effectlessTitle;
  return `## ${title}\n\n${text}\n\n| flag | etcd's default | why |\n| --- | --- | --- |\n${lines.join("\n")}`;
}

const effectlessTitle = [
  "Flags of etcd that are taken without effect",
  "Given with another value than etcd's default, each is noted once in the log.",
] as const;
const refusedTitle = [
  "Flags of etcd that are refused",
  "A member that is given one with another value than etcd's default does not start: exit code 2, and the reason.",
] as const;

function oldForms(): string {
  const switches = Array.from(oldSwitches, ([name, gate]) => `\`--${name}\` (\`--feature-gates=${gate}=…\`)`);
  return `## Old forms

etcd 3.6 still took them; they are taken here, with a line in the log:
${[...oldNames.keys()].map((name) => `\`--${name}\``).join(", ")} (without \`experimental-\` now), and ${switches.join(", ")}.`;
}

function code(text: string): string {
  return text === "" ? "–" : `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function escapeHtml(text: string): string {
  return text.replaceAll("<", "&lt;");
}

const introduction = `# Flags of \`quorate serve\`

This page is made from the flag table (\`packages/server/src/config/flag-table.ts\`); a test fails when it is not current, and
writes it when \`QUORATE_UPDATE_DOCS=1\` is set.

- Both \`--flag value\` and \`--flag=value\` work, with one dash or two; a switch (\`[=…]\`) may stand alone, which means true, and
  takes a value only after \`=\`. A repeated flag: the last one counts.
- Each flag is also an environment variable, \`QUORATE_…\` as shown or \`ETCD_…\` with the same ending, and a key of the YAML file
  that \`--config-file\` names. A flag goes before \`QUORATE_…\`, that before \`ETCD_…\`, that before the file, that before the
  default. (etcd ignores flags and environment when it has a configuration file; here they refine it.)
- The file may have etcd's sections \`client-transport-security\`, \`peer-transport-security\` and \`socket-options\`. A time in the
  file is text such as \`10m\`, or a number of nanoseconds as etcd has it.
- A link named \`etcd\` to \`bin/quorate\` takes these flags without \`serve\`; a wrapper runs \`quorate serve "$@"\`.
- What is unknown is refused with the nearest known name, exit code 2. All problems are reported at once, one line each.
- Once the data directory is filled it decides who this member is: \`--name\`, \`--initial-cluster\`,
  \`--initial-advertise-peer-urls\` and \`--initial-cluster-state\` are then only compared with it. Another
  \`--initial-cluster-token\` than the recorded one, or the name of another member of the same cluster, is refused.
- SIGTERM and SIGINT stop. With 16 MiB of log or more behind the last snapshot the state is written once before the end, so that the next
  start is short: seconds for a state of some 100 MB. A second signal ends at once, which is as safe; the next start then applies the log.
- Exit codes: 0 stopped as asked, 1 could not start or run, 2 wrong usage, 70 an internal error, 74 a disk that failed.`;
