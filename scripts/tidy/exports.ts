/** Exports that nobody imports: dead code, or a module's private matter that lost its privacy. */
import ts from "typescript";
import { declaredNames } from "./documentation.ts";
import { collectImports } from "./modules.ts";
import { type Finding, findingAt, type Workspace } from "./workspace.ts";

/** Modules that tools load by name. */
const loadedByName: ReadonlySet<string> = new Set([
  "scripts/lib/test-reporter.ts",
  "examples/testing/vitest.config.ts",
]);

/** Finds exports of packages, scripts and tests that no other module imports and no package entry names. */
export function checkUnusedExports(workspace: Workspace): Finding[] {
  const used = new Map<string, Set<string>>();
  for (const { from, target, names } of collectImports(workspace)) {
    if (target !== null && target !== from.path) {
      const known = used.get(target) ?? new Set();
      for (const name of names) {
        known.add(name);
      }
      used.set(target, known);
    }
  }
  const entries = new Set(workspace.packages.flatMap((one) => [...one.entries.values()]));
  return workspace.sources
    .filter((source) => !entries.has(source.path) && !loadedByName.has(source.path))
    .flatMap((source) => {
      const names = used.get(source.path) ?? new Set();
      return exportedNames(source.ast)
        .filter(({ name }) => !names.has("*") && !names.has(name))
        .map(({ name, position }) => findingAt(source, position, "unused-export", `nobody imports ${name}`));
    });
}

function exportedNames(ast: ts.SourceFile): { name: string; position: number }[] {
  return ast.statements.flatMap((statement) => {
    const position = statement.getStart(ast);
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      return clause !== undefined && ts.isNamedExports(clause)
        ? clause.elements.map((element) => ({ name: element.name.text, position }))
        : [];
    }
    if (ts.isExportAssignment(statement)) {
      return [{ name: "default", position }];
    }
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    return modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
      ? declaredNames(statement).map((name) => ({ name, position }))
      : [];
  });
}
