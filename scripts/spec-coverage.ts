/**
 * Writes the table of docs/raft.md: each rule of Raft, where it is enforced, and which test would notice its loss. `--check`
 * changes nothing and fails when the table is stale, a rule has no source or no test, or a tag names no rule.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./lib/root.ts";
import { cornerCases } from "./spec/corner-cases.ts";
import { type Coverage, type CoveredRule, cover } from "./spec/coverage.ts";
import { allRules, ruleParts } from "./spec/rules.ts";

const document = "docs/raft.md";
const begin = "<!-- rules: written by `node scripts/spec-coverage.ts` -->";
const end = "<!-- end of the rules -->";

/** Sources and tests of all packages: path from the top of the checkout → text. */
export function readPackages(): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(join(root, "packages"))) {
    for (const folder of ["src", "test"]) {
      const base = `packages/${name}/${folder}`;
      for (const path of listTypeScript(base)) {
        files.set(path, readFileSync(join(root, path), "utf8"));
      }
    }
  }
  return files;
}

function listTypeScript(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${folder}/${path}`);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return []; // A package without tests, or without sources.
    }
    throw error;
  }
}

/** The generated part of the document. */
export function renderTable({ rules }: Coverage): string {
  const byId = new Map(rules.map((one) => [one.rule.id, one]));
  const lines: string[] = [];
  const count = (...statuses: readonly string[]): number =>
    rules.filter(({ rule }) => statuses.includes(rule.status)).length;
  const kept = count("core", "host", "wal", "differs");
  lines.push(
    `${kept} rules are kept here (${count("differs")} of them in another way), ${count("not-yet")} are not yet, ` +
      `${count("outside")} bind others.`,
    "",
  );
  for (const [title, part] of ruleParts) {
    lines.push(`### ${title}`, "", "| rule | from | source | test |", "| --- | --- | --- | --- |");
    for (const { id } of part) {
      const covered = byId.get(id);
      if (covered !== undefined) {
        lines.push(renderRow(covered));
      }
    }
    lines.push("");
  }
  lines.push("### Corner cases", "", "| no. | what goes wrong elsewhere | test |", "| --- | --- | --- |");
  for (const { id } of cornerCases) {
    const covered = byId.get(id);
    if (covered !== undefined) {
      lines.push(renderRow(covered));
    }
  }
  lines.push("");
  return lines.join("\n");
}

function renderRow({ rule, sources, tests }: CoveredRule): string {
  // No line numbers: the tag in the file leads to the line, and an edit above it must not make the page stale.
  const link = (text: string, path: string): string =>
    `[${text.replaceAll(/[[\]|\\`*_<>]/g, "\\$&")}](../${path})`;
  const from = sources.map(({ name, path }) => link(name, path)).join("<br>");
  const shown = tests.map(({ name, path }) => link(name, path)).join("<br>");
  const text = `**${rule.id}** ${rule.text}`;
  switch (rule.status) {
    case "core":
    case "host":
    case "wal":
      return `| ${text} | ${rule.from} | ${from} | ${shown} |`;
    case "differs":
      return `| ${text} *Differs:* ${rule.note}, see [divergence](divergence.md). | ${rule.from} | ${from} | ${shown} |`;
    case "not-yet":
      return `| ${text} | ${rule.from} | *not yet:* ${rule.note} | |`;
    case "case":
      return `| ${rule.id.replace("case-", "")} | ${rule.text} | ${shown} |`;
    case "outside":
      return `| ${text} | ${rule.from} | *not here:* ${rule.note} | |`;
  }
}

/** `text` with the part between the marks replaced. */
export function replaceTable(text: string, table: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error(`${document}: the marks of the generated table are missing`);
  }
  return `${text.slice(0, from + begin.length)}\n\n${table}\n${text.slice(to)}`;
}

function main(args: readonly string[]): number {
  const path = join(root, document);
  const coverage = cover(allRules, readPackages());
  const before = readFileSync(path, "utf8");
  const after = replaceTable(before, renderTable(coverage));
  const problems = [...coverage.problems];
  if (!args.includes("--check")) {
    writeFileSync(path, after);
  } else if (before !== after) {
    problems.push(`${document}: the table is stale: node scripts/spec-coverage.ts`);
  }
  for (const problem of problems) {
    console.log(problem);
  }
  console.log(`spec-coverage: ${coverage.rules.length} rules, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = main(process.argv.slice(2));
}
