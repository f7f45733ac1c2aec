/**
 * Sizes: printed for people to judge, because a long function that is one thought may stay. One ratchet fails: a
 * function just above 70 lines was small once and grew; taking it apart is still cheap.
 */
import ts from "typescript";
import { commentsOf, type Finding, findingAt, type Source, type Workspace, walk } from "./workspace.ts";

const ratchetLinesMin = 71;
const ratchetLinesMax = 80;

interface FunctionSize {
  readonly source: Source;
  readonly name: string;
  readonly position: number;
  readonly lines: number;
  readonly assertions: number;
}

/** The ratchet: functions of 71 to 80 lines fail. */
export function checkFunctionSizes(workspace: Workspace): Finding[] {
  return workspace.sources
    .filter((source) => source.shipped || source.path.startsWith("scripts/"))
    .flatMap(functionsOf)
    .filter(({ lines }) => lines >= ratchetLinesMin && lines <= ratchetLinesMax)
    .map(({ source, position, name, lines }) =>
      findingAt(
        source,
        position,
        "function-size",
        `${name} grew to ${lines} lines: 70 are enough for one thought`,
      ),
    );
}

function functionsOf(source: Source): FunctionSize[] {
  const found: FunctionSize[] = [];
  walk(source.ast, (node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) {
      return;
    }
    const position = node.getStart(source.ast);
    const lineOf = (at: number): number => source.ast.getLineAndCharacterOfPosition(at).line;
    const lines = lineOf(node.end) - lineOf(position) + 1;
    found.push({ source, name: nameOf(node), position, lines, assertions: countAssertions(node) });
  });
  return found;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) {
    return node.name.getText();
  }
  if (ts.isConstructorDeclaration(node)) {
    return "constructor";
  }
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : "(callback)";
}

/** Assertions of a function itself, not of the functions inside it. */
function countAssertions(node: ts.Node): number {
  let count = 0;
  const visit = (child: ts.Node): void => {
    if (ts.isFunctionLike(child)) {
      return;
    }
    if (ts.isCallExpression(child) && ts.isIdentifier(child.expression)) {
      count += /^(assert|must|unreachable)/.test(child.expression.text) ? 1 : 0;
    }
    ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return count;
}

function commentLines(source: Source): number {
  const lines = new Set<number>();
  for (const { pos, end } of commentsOf(source)) {
    const last = source.ast.getLineAndCharacterOfPosition(end).line;
    for (let line = source.ast.getLineAndCharacterOfPosition(pos).line; line <= last; line++) {
      lines.add(line);
    }
  }
  return lines.size;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/** The table and lists that `npm run tidy` prints. */
export function describeSizes(workspace: Workspace): string {
  const shipped = workspace.sources.filter((source) => source.shipped);
  const lines = [
    "package      files  lines  median/max file  fns  median/p90/max fn  asserts/fn  comment/code",
    ...workspace.packages.map(({ folder }) =>
      describePackage(
        folder,
        shipped.filter((source) => source.packageFolder === folder),
      ),
    ),
    "",
    "longest files",
    ...shipped
      .map((source) => ({ path: source.path, lines: lineCount(source) }))
      .sort((left, right) => right.lines - left.lines)
      .slice(0, 8)
      .map(({ path, lines: count }) => `  ${String(count).padStart(5)}  ${path}`),
    "",
    "longest functions",
    ...shipped
      .flatMap(functionsOf)
      .sort((left, right) => right.lines - left.lines)
      .slice(0, 8)
      .map(({ source, name, lines: count }) => `  ${String(count).padStart(5)}  ${name}  ${source.path}`),
  ];
  return lines.join("\n");
}

function lineCount(source: Source): number {
  return source.text.split("\n").length - 1;
}

function describePackage(folder: string, sources: readonly Source[]): string {
  const fileLines = sources.map(lineCount).sort((left, right) => left - right);
  const functions = sources.flatMap(functionsOf);
  // A callback of one line is an expression, not a function that could assert anything.
  const named = functions.filter(({ name }) => name !== "(callback)");
  const functionLines = named.map(({ lines }) => lines).sort((left, right) => left - right);
  const assertions = functions.reduce((sum, { assertions: count }) => sum + count, 0);
  const comments = sources.reduce((sum, source) => sum + commentLines(source), 0);
  const total = fileLines.reduce((sum, count) => sum + count, 0);
  return [
    folder.padEnd(12),
    String(sources.length).padStart(5),
    String(total).padStart(6),
    `${quantile(fileLines, 0.5)} / ${quantile(fileLines, 1)}`.padStart(16),
    String(named.length).padStart(4),
    `${quantile(functionLines, 0.5)} / ${quantile(functionLines, 0.9)} / ${quantile(functionLines, 1)}`.padStart(
      18,
    ),
    (assertions / Math.max(1, named.length)).toFixed(2).padStart(11),
    (comments / Math.max(1, total - comments)).toFixed(2).padStart(13),
  ].join(" ");
}
