/** Help texts, made of the definitions. */
import type { CtlCommand } from "./command-tree.ts";
import { ctlChapters, ctlCommands, ctlGroups } from "./definitions/index.ts";
import { columns, flagLines, wrap } from "./help-lines.ts";

/** `Usage: …`, in one line. */
export function usageLine(program: string, command: CtlCommand): string {
  return `Usage: ${[program, ...command.words, command.usage].filter((part) => part !== "").join(" ")}`;
}

/** Help of one command. */
export function commandHelp(program: string, command: CtlCommand): string {
  const { details, examples = [], flags = [], summary } = command;
  return [
    usageLine(program, command),
    "",
    ...wrap(summary),
    ...(details === undefined ? [] : ["", ...wrap(details)]),
    ...(examples.length === 0 ? [] : ["", "Examples:", ...examples.map((line) => `  ${program} ${line}`)]),
    ...(flags.length === 0 ? [] : ["", "Flags:", ...flagLines(flags)]),
    "",
    `'${program} options' prints the flags that every command has.`,
    "",
  ].join("\n");
}

/** Help of a group. */
export function groupHelp(program: string, word: string): string {
  const inside = ctlCommands.filter(({ words }) => words[0] === word && words.length > 1);
  const summary = ctlGroups.find((group) => group.word === word)?.summary ?? "";
  return [
    `Usage: ${program} ${word} <command>`,
    "",
    summary,
    "",
    "Commands:",
    ...columns(inside.map((command) => [command.words[1] ?? "", command.summary])),
    "",
    `'${program} ${word} <command> --help' tells more.`,
    "",
  ].join("\n");
}

/** The list of commands. */
function chapterLines(): string[] {
  return ctlChapters.flatMap(({ title, words }) => [
    `${title}:`,
    ...columns(words.map((word) => [word, summaryOf(word)])),
    "",
  ]);
}

/** What one word of the list is for. */
export function summaryOf(word: string): string {
  return (
    ctlGroups.find((group) => group.word === word)?.summary ??
    ctlCommands.find(({ words }) => words[0] === word)?.summary ??
    ""
  );
}

/** Help of the whole, when it was started as etcdctl. */
export function overview(program: string): string {
  return [
    `Usage: ${program} <command> [flags]`,
    "",
    "Client of Quorate and of etcd clusters.",
    "",
    ...chapterLines(),
    `'${program} <command> --help' tells more; '${program} options' prints the flags that every command has.`,
    "",
  ].join("\n");
}
