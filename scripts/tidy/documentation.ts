/** What readers rely on: documentation of exports, citations of the protocol's sources, links that lead somewhere. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import ts from "typescript";
import { commentsOf, type Finding, findingAt, type Source, type Workspace } from "./workspace.ts";

/** Sections of the dissertation's chapters that rules may cite. */
const raftSections: ReadonlySet<string> = new Set(
  (
    JSON.parse(readFileSync(new URL("../raft-sections.json", import.meta.url), "utf8")) as {
      sections: string[];
    }
  ).sections,
);

/** Every exported declaration of a shipped module (and of the scripts) carries a doc comment. */
export function checkDocComments(workspace: Workspace): Finding[] {
  return workspace.sources
    .filter((source) => source.shipped || source.path.startsWith("scripts/"))
    .flatMap((source) => {
      const documented = new Set<string>();
      const missing: { name: string; position: number }[] = [];
      source.ast.statements.forEach((statement, index) => {
        if (!isExported(statement)) {
          return;
        }
        // The first comment of a file is about the file, not about what happens to stand first in it.
        const needed = index === 0 && !hasDetachedHeader(source, statement) ? 2 : 1;
        const comments = (ts.getLeadingCommentRanges(source.text, statement.pos) ?? []).filter((range) =>
          source.text.startsWith("/**", range.pos),
        ).length;
        for (const name of declaredNames(statement)) {
          if (comments >= needed) {
            documented.add(name);
          } else {
            missing.push({ name, position: statement.getStart(source.ast) });
          }
        }
      });
      return missing
        .filter(({ name }) => !documented.has(name))
        .map(({ name, position }) =>
          findingAt(source, position, "doc-comment", `${name} is exported without a doc comment`),
        );
    });
}

/** True when the file begins with a comment that is not a doc comment. */
function hasDetachedHeader(source: Source, first: ts.Statement): boolean {
  const [header] = commentsOf(source);
  return (
    header !== undefined &&
    header.pos < first.getStart(source.ast) &&
    !source.text.startsWith("/**", header.pos)
  );
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** Names that an exported statement declares. */
export function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap((declaration) => bindingNames(declaration.name));
  }
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  if (!named) {
    return [];
  }
  const isDefault = (ts.getModifiers(statement) ?? []).some(
    (modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword,
  );
  return [isDefault ? "default" : (statement.name?.text ?? "default")];
}

function bindingNames(name: ts.BindingName): string[] {
  return ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap((element) => (ts.isBindingElement(element) ? bindingNames(element.name) : []));
}

/** Citations have one form, `RAFT §3.6.2` or `FIG 2 …`, and name a section that exists. */
export function checkCitations(workspace: Workspace): Finding[] {
  return workspace.sources.flatMap((source) =>
    commentsOf(source).flatMap((comment) => {
      const text = source.text.slice(comment.pos, comment.end);
      const found: Finding[] = [];
      const report = (offset: number, message: string): void => {
        found.push(findingAt(source, comment.pos + offset, "citation", message));
      };
      for (const match of text.matchAll(/\bRAFT\b(?: §(\d+(?:\.\d+)*))?/g)) {
        const section = match[1];
        if (section === undefined) {
          report(match.index, "write `RAFT §<section>` (in prose, Raft)");
        } else if (!raftSections.has(section)) {
          report(match.index, `the dissertation has no section ${section} among the chapters we cite`);
        }
      }
      for (const match of text.matchAll(/\bFIG\b(?! [23]\b)/g)) {
        report(match.index, "write `FIG` 2 and the rule's place in it");
      }
      return found;
    }),
  );
}

/** Links of Markdown files lead to a file, and to a heading or line in it. */
export function checkLinks(workspace: Workspace): Finding[] {
  const folders = new Set<string>();
  for (const path of workspace.files.keys()) {
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) {
      folders.add(folder);
    }
  }
  const findings: Finding[] = [];
  for (const [path, text] of workspace.files) {
    if (!path.endsWith(".md")) {
      continue;
    }
    proseLines(text).forEach((prose, index) => {
      for (const target of linkTargets(prose)) {
        const problem = judgeLink(workspace, folders, path, target);
        if (problem !== null) {
          findings.push({ path, line: index + 1, rule: "link", message: `${target}: ${problem}` });
        }
      }
    });
  }
  return findings;
}

/** The lines of a Markdown text, emptied where they are code. */
function proseLines(text: string): string[] {
  let fence: string | null = null;
  return text.split("\n").map((line) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1] ?? null;
    if (mark !== null && (fence === null || line.trim().startsWith(fence))) {
      fence = fence === null ? mark : null;
      return "";
    }
    return fence === null ? line : "";
  });
}

function linkTargets(prose: string): string[] {
  const visible = prose.replaceAll(/`[^`]*`/g, "code");
  const inline = [...visible.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].map((match) => match[1] ?? "");
  const definition = /^\s*\[[^\]]+\]:\s*(\S+)/.exec(visible)?.[1];
  return definition === undefined ? inline : [...inline, definition];
}

function judgeLink(
  workspace: Workspace,
  folders: ReadonlySet<string>,
  from: string,
  target: string,
): string | null {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
    return null; // Somewhere on the network: not for a test that must pass without one.
  }
  const [file = "", anchor] = target.split("#", 2);
  const path = file === "" ? from : posix.normalize(posix.join(posix.dirname(from), decodeURI(file)));
  const text = workspace.files.get(path);
  if (text === undefined) {
    return folders.has(path.replace(/\/$/, "")) ? null : "no such file";
  }
  if (anchor === undefined) {
    return null;
  }
  const line = /^L(\d+)/.exec(anchor)?.[1];
  if (!path.endsWith(".md")) {
    return line !== undefined && Number(line) <= text.split("\n").length ? null : "no such line";
  }
  return headingAnchors(text).has(anchor) ? null : "no such heading";
}

/** The anchors that GitHub gives to the headings of a Markdown text. */
function headingAnchors(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of proseLines(text)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) {
      continue;
    }
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
    const base = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = base;
    for (let copy = 1; anchors.has(anchor); copy++) {
      anchor = `${base}-${copy}`;
    }
    anchors.add(anchor);
  }
  return anchors;
}
