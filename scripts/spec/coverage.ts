/**
 * Which rule is enforced where, and which test would notice its loss: tags in the sources and tests, held against the list of
 * rules. It reads a map of path to text, so that a test plants what must be found.
 *
 * In sources a tag follows a citation on its line, `RAFT §3.6.2 [commit-own-term]` or `FIG 2 … [append-conflict, append-new]`.
 * In tests it is a comment line of its own above the test, `// [commit-own-term]`.
 */
import type { Anchor, Rule } from "./rule.ts";

/** A line that enforces a rule, or the test of one. */
interface Place {
  readonly path: string;
  readonly line: number;
  /** The file, or the title of the test. */
  readonly name: string;
}

/** What was found for one rule. */
export interface CoveredRule {
  readonly rule: Rule;
  readonly sources: readonly Place[];
  readonly tests: readonly Place[];
}

/** The rules with their places, and everything that is wrong. */
export interface Coverage {
  readonly rules: readonly CoveredRule[];
  readonly problems: readonly string[];
}

interface Tag extends Place {
  readonly id: string;
  /** `§3.6.2` or `FIG 2`; null in tests. */
  readonly citation: string | null;
}

const sourceTag =
  /\b(?:RAFT (§\d+(?:\.\d+)*)|(FIG [23])\b)(?:(?!RAFT §|FIG [23])[^[\]\n])*\[([a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*)\]/g;
const testTag = /^[ \t]*\/\/ \[([a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*)\]$/gm;
const testTitle = /\btest\(\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;

/** Holds `rules` against the tags and anchors in `files` (path from the top of the checkout → text). */
export function cover(rules: readonly Rule[], files: ReadonlyMap<string, string>): Coverage {
  const problems: string[] = [];
  const paths = [...files.keys()].sort();
  const sourceTags = paths
    .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
    .flatMap((path) => sourceTagsOf(path, files.get(path) ?? ""));
  const testTags = paths
    .filter((path) => /^packages\/[^/]+\/test\/.*\.test\.ts$/.test(path))
    .flatMap((path) => testTagsOf(path, files.get(path) ?? "", problems));
  checkTags(rules, sourceTags, testTags, problems);
  const covered = rules.map((rule) => ({
    rule,
    sources: [
      ...placesOf(rule, sourceTags),
      ...rule.sources.flatMap((at) => find(at, files, rule, problems)),
    ],
    tests: [...placesOf(rule, testTags), ...rule.tests.flatMap((at) => find(at, files, rule, problems))],
  }));
  for (const one of covered) {
    problems.push(...judge(one));
  }
  return { rules: covered, problems };
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function fileName(path: string): string {
  return path.replace(/^packages\//, "").replace("/src/", "/");
}

function sourceTagsOf(path: string, text: string): Tag[] {
  return [...text.matchAll(sourceTag)].flatMap((match) =>
    (match[3] ?? "").split(", ").map((id) => ({
      id,
      citation: match[1] ?? match[2] ?? null,
      path,
      line: lineAt(text, match.index),
      name: fileName(path),
    })),
  );
}

function testTagsOf(path: string, text: string, problems: string[]): Tag[] {
  return [...text.matchAll(testTag)].flatMap((match) => {
    const [title] = text.slice(match.index).matchAll(testTitle);
    const line = lineAt(text, match.index);
    if (title === undefined) {
      problems.push(`${path}:${line}: a tag without a test behind it`);
      return [];
    }
    const name = (title[1] ?? title[2] ?? "").replaceAll(/\$\{[^}]*\}/g, "…");
    return (match[1] ?? "").split(", ").map((id) => ({ id, citation: null, path, line, name }));
  });
}

function checkTags(
  rules: readonly Rule[],
  sources: readonly Tag[],
  tests: readonly Tag[],
  problems: string[],
): void {
  const byId = new Map<string, Rule>();
  for (const rule of rules) {
    if (byId.has(rule.id)) {
      problems.push(`${rule.id}: listed twice`);
    }
    byId.set(rule.id, rule);
  }
  for (const { id, citation, path, line, name } of [...sources, ...tests]) {
    const rule = byId.get(id);
    if (rule === undefined) {
      problems.push(`${path}:${line}: no rule is called ${id}`);
      continue;
    }
    const places = rule.from.split("; ");
    if (
      citation !== null &&
      !places.some((place) => place === citation || place.startsWith(`${citation} `))
    ) {
      problems.push(`${path}:${line}: ${id} is not from ${citation} but from ${rule.from}`);
    }
    if (rule.status !== "case" && path.includes("/test/paper/") && !titleCites(name, places)) {
      problems.push(`${path}:${line}: the title must begin with where ${id} is from: ${rule.from}`);
    }
  }
}

/** Whether a title begins with citations (`FIG 2 Followers, §3.4: …`), one of which is among `places`. */
function titleCites(title: string, places: readonly string[]): boolean {
  const cited = (title.split(": ")[0] ?? "").split(", ");
  return cited.some((one) => places.some((place) => place === one || place.startsWith(`${one} `)));
}

function placesOf(rule: Rule, tags: readonly Tag[]): Place[] {
  return tags.filter(({ id }) => id === rule.id).map(({ path, line, name }) => ({ path, line, name }));
}

function find(anchor: Anchor, files: ReadonlyMap<string, string>, rule: Rule, problems: string[]): Place[] {
  const text = files.get(anchor.path);
  const parts = text?.split(anchor.text) ?? [];
  if (text === undefined || parts.length !== 2) {
    const what = text === undefined ? "there is no such file" : `${parts.length - 1} times`;
    problems.push(`${rule.id}: ${anchor.path} must hold ${JSON.stringify(anchor.text)} once: ${what}`);
    return [];
  }
  const isTest = /\btest\(/.test((parts[0] ?? "").split("\n").at(-1) ?? "");
  const name = isTest ? anchor.text.replaceAll('"', "") : fileName(anchor.path);
  return [{ path: anchor.path, line: lineAt(text, text.indexOf(anchor.text)), name }];
}

function judge({ rule, sources, tests }: CoveredRule): string[] {
  if (rule.status === "not-yet" || rule.status === "outside") {
    return sources.length + tests.length === 0 ? [] : [`${rule.id}: tagged, but listed as ${rule.status}`];
  }
  const problems: string[] = [];
  if (sources.length === 0 && rule.status !== "case") {
    problems.push(`${rule.id}: no source enforces it`);
  }
  if (tests.length === 0) {
    problems.push(`${rule.id}: no test would notice its loss`);
  }
  return problems;
}
