/**
 * Purity: what makes two runs of one seed differ, or lets work escape from the step that started it. The compiler
 * already hides the host's globals from pure packages; this catches what the language itself brings along.
 */
import ts from "typescript";
import { purePackages } from "./policy.ts";
import { commentsOf, type Finding, findingAt, type Source, type Workspace, walk } from "./workspace.ts";

/** Global name → what to use instead. */
const bannedGlobals: ReadonlyMap<string, string> = new Map([
  ["Date", "time is an input"],
  ["setTimeout", "time is an input: ticks"],
  ["setInterval", "time is an input: ticks"],
  ["setImmediate", "use the Scheduler port"],
  ["clearTimeout", "time is an input: ticks"],
  ["clearInterval", "time is an input: ticks"],
  ["queueMicrotask", "use the Scheduler port"],
  ["console", "return what is to be said, or take a port"],
  ["performance", "time is an input"],
  ["Intl", "its answers differ between hosts"],
  ["WeakRef", "garbage collection is not deterministic"],
  ["FinalizationRegistry", "garbage collection is not deterministic"],
  ["TextEncoder", "use utf8Encode of @quorate/base"],
  ["TextDecoder", "use utf8Decode of @quorate/base"],
  ["process", "take a port"],
  ["Buffer", "use Uint8Array and @quorate/base"],
  ["global", "take a port"],
  ["globalThis", "take a port"],
  ["window", "take a port"],
  ["crypto", "use the seeded Prng, or take a port"],
  ["fetch", "take a port"],
]);

/** True where `node` reads the global of its name: not a property, not a declaration, not a key, not a type's member. */
function readsGlobal(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) {
    return (ts.isPropertyAccessExpression(parent) ? parent.expression : parent.left) === node;
  }
  if (ts.isPropertyAssignment(parent) || ts.isBindingElement(parent)) {
    return parent.initializer === node;
  }
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isLabeledStatement(parent)) {
    return false;
  }
  return !("name" in parent && parent.name === node) || ts.isShorthandPropertyAssignment(parent);
}

/** True when the source declares `name` itself (a local named `process` is not the global). */
function declares(source: Source, name: string): boolean {
  let found = false;
  walk(source.ast, (node) => {
    const declaration =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isBindingElement(node);
    found ||= declaration && node.name !== undefined && ts.isIdentifier(node.name) && node.name.text === name;
  });
  return found;
}

/** Bans, in pure packages, every source of chance, time and host dependence. */
export function checkPurity(workspace: Workspace): Finding[] {
  const findings: Finding[] = [];
  for (const source of pureSources(workspace)) {
    walk(source.ast, (node) => {
      const message = judge(source, node);
      if (message !== null) {
        findings.push(findingAt(source, node.getStart(source.ast), "purity", message));
      }
    });
  }
  return findings;
}

function pureSources(workspace: Workspace): Source[] {
  return workspace.sources.filter(
    (source) => source.shipped && source.packageFolder !== null && purePackages.has(source.packageFolder),
  );
}

function judge(source: Source, node: ts.Node): string | null {
  if (ts.isForInStatement(node)) {
    return "for…in walks keys in an order of the engine's choice: use for…of";
  }
  if (ts.isIdentifier(node)) {
    const instead = bannedGlobals.get(node.text);
    return instead !== undefined && readsGlobal(node) && !declares(source, node.text)
      ? `${node.text} is banned in pure packages: ${instead}`
      : null;
  }
  if (!ts.isPropertyAccessExpression(node)) {
    return null;
  }
  const name = node.name.text;
  const object = ts.isIdentifier(node.expression) ? node.expression.text : "";
  if (object === "Math" && name === "random") {
    return "Math.random is banned in pure packages: use the seeded Prng";
  }
  if (name === "localeCompare" || /^toLocale[A-Z]/.test(name)) {
    return `${name} answers differently from host to host: compare bytes or code units`;
  }
  return object === "Object" && /^(keys|values|entries)$/.test(name) ? judgeObjectOrder(source, node) : null;
}

/** Integer-like keys come first and sorted, whatever the order of insertion; a reason must say why there are none. */
function judgeObjectOrder(source: Source, node: ts.PropertyAccessExpression): string | null {
  const lineOf = (position: number): number => source.ast.getLineAndCharacterOfPosition(position).line;
  const line = lineOf(node.getStart(source.ast));
  const explained = commentsOf(source).some(
    (comment) =>
      /\bORDER: \S/.test(source.text.slice(comment.pos, comment.end)) &&
      (lineOf(comment.end) === line || lineOf(comment.end) === line - 1),
  );
  return explained
    ? null
    : `Object.${node.name.text} moves integer-like keys to the front: use a Map, or say above it "ORDER: why no key is"`;
}

/** The contract suites are called by test runners, which await; nothing that ships in a member imports them. */
const awaitedBySuites = "packages/raft/src/testing/";

/** Bans Promise and async functions where the order of everything must be the caller's to decide. */
export function checkSynchrony(workspace: Workspace): Finding[] {
  const findings: Finding[] = [];
  const report = (source: Source, node: ts.Node, what: string): void => {
    const message = `${what} is banned here: complete by calling back, or write a Task of @quorate/base`;
    findings.push(findingAt(source, node.getStart(source.ast), "synchrony", message));
  };
  for (const source of pureSources(workspace)) {
    if (source.path.startsWith(awaitedBySuites)) {
      continue;
    }
    walk(source.ast, (node) => {
      if (node.kind === ts.SyntaxKind.AsyncKeyword) {
        report(source, node, "async");
      } else if (
        ts.isAwaitExpression(node) ||
        (ts.isForOfStatement(node) && node.awaitModifier !== undefined)
      ) {
        report(source, node, "await");
      } else if (ts.isIdentifier(node) && /^Promise(Like)?$/.test(node.text) && readsGlobal(node)) {
        report(source, node, node.text);
      }
    });
  }
  return findings;
}
