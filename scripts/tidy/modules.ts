/** Who imports what from whom: the module graph that the import and export checks share. */
import { posix } from "node:path";
import ts from "typescript";
import { type Source, type Workspace, walk } from "./workspace.ts";

/** One import or re-export of a module. */
export interface ModuleImport {
  readonly from: Source;
  readonly position: number;
  /** As written. */
  readonly specifier: string;
  /** Path of the imported module, or null when it is not one of the workspace's sources. */
  readonly target: string | null;
  /** Names taken from it; `"*"` stands for all. */
  readonly names: readonly string[];
  /** True for `export … from`. */
  readonly reexport: boolean;
}

/** Every import of the workspace, also type imports and `import("…")`. */
export function collectImports(workspace: Workspace): ModuleImport[] {
  const entriesByName = new Map(workspace.packages.flatMap((one) => [...one.entries]));
  const resolve = (source: Source, specifier: string): string | null => {
    if (!specifier.startsWith(".")) {
      return entriesByName.get(specifier) ?? null;
    }
    const path = posix.normalize(posix.join(posix.dirname(source.path), specifier));
    return workspace.files.has(path) ? path : null;
  };
  return workspace.sources.flatMap((source) =>
    importsOf(source).map((found) => ({ ...found, from: source, target: resolve(source, found.specifier) })),
  );
}

function importsOf(source: Source): Omit<ModuleImport, "from" | "target">[] {
  const found: Omit<ModuleImport, "from" | "target">[] = [];
  walk(source.ast, (node) => {
    const position = node.getStart(source.ast);
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const names = importedNames(node.importClause);
      found.push({ position, specifier: node.moduleSpecifier.text, names, reexport: false });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier !== undefined &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      const { exportClause } = node;
      const names =
        exportClause !== undefined && ts.isNamedExports(exportClause)
          ? exportClause.elements.map((element) => (element.propertyName ?? element.name).text)
          : ["*"];
      found.push({ position, specifier: node.moduleSpecifier.text, names, reexport: true });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const literal = node.argument.literal;
      if (ts.isStringLiteral(literal)) {
        found.push({ position, specifier: literal.text, names: ["*"], reexport: false });
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) {
        found.push({ position, specifier: argument.text, names: ["*"], reexport: false });
      }
    }
  });
  return found;
}

function importedNames(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) {
    return [];
  }
  const names = clause.name === undefined ? [] : ["default"];
  const bindings = clause.namedBindings;
  if (bindings === undefined) {
    return names;
  }
  return ts.isNamespaceImport(bindings)
    ? [...names, "*"]
    : [...names, ...bindings.elements.map((element) => (element.propertyName ?? element.name).text)];
}

/** Cycles of a graph: each once, as the list of its nodes, starting with the smallest. */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const visit = (node: string): void => {
    state.set(node, "open");
    trail.push(node);
    for (const next of edges.get(node) ?? []) {
      if (state.get(next) === "open") {
        const cycle = trail.slice(trail.indexOf(next));
        const first = cycle.indexOf([...cycle].sort()[0] ?? "");
        cycles.push([...cycle.slice(first), ...cycle.slice(0, first)]);
      } else if (!state.has(next)) {
        visit(next);
      }
    }
    trail.pop();
    state.set(node, "done");
  };
  for (const node of [...edges.keys()].sort()) {
    if (!state.has(node)) {
      visit(node);
    }
  }
  return cycles;
}
