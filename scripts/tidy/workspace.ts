/**
 * The repository as the checks see it: packages, parsed sources, documents. It is made from a map of path to text, so
 * that a test plants a violation without touching the disk.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** One parsed TypeScript file. */
export interface Source {
  /** From the top of the checkout, with `/` between parts. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
  /** `packages/<this>/…`, or null for what belongs to no package. */
  readonly packageFolder: string | null;
  /** True below `packages/<package>/src`. */
  readonly shipped: boolean;
}

/** One package of the workspace, by its package.json. */
export interface Package {
  /** Name of the folder below `packages/`. */
  readonly folder: string;
  /** Name on npm. */
  readonly name: string;
  readonly dependencies: readonly string[];
  /** What others write to import it → path of the module, by its `exports` under the condition `source`. */
  readonly entries: ReadonlyMap<string, string>;
  /** Prefixes of its private names for paths, such as `#generated/`, by its `imports`. */
  readonly privateNames: readonly string[];
  /** Folders that its tsconfig.json references. */
  readonly references: readonly string[];
}

/** Everything the checks look at. */
export interface Workspace {
  readonly files: ReadonlyMap<string, string>;
  readonly packages: readonly Package[];
  readonly sources: readonly Source[];
  /** Development dependencies of the top package.json: what tests and scripts may use. */
  readonly developmentDependencies: readonly string[];
  /** Dependencies of each example, by its folder. */
  readonly exampleDependencies: ReadonlyMap<string, readonly string[]>;
}

/** Something that breaks a promise, and where. */
export interface Finding {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** Name of the rule, as docs and tests call it. */
  readonly rule: string;
  readonly message: string;
}

const ignoredFolders = new Set(["node_modules", "dist", ".git", ".cache", "data", "generated", "coverage"]);

/** Reads all TypeScript, JSON and Markdown files below `root` that are ours to judge. */
export function readFiles(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !ignoredFolders.has(entry.name)) {
        visit(path);
      } else if (entry.isFile()) {
        // Of the other files (.proto, LICENSE, …) links only need to know that they exist.
        files.set(path, /\.(ts|md|json)$/.test(entry.name) ? readFileSync(join(root, path), "utf8") : "");
      }
    }
  };
  visit("");
  return files;
}

/** Parses `files` (path from the top of the checkout → text) into a workspace. */
export function parseWorkspace(files: ReadonlyMap<string, string>): Workspace {
  const paths = [...files.keys()].sort();
  const topManifest = files.get("package.json");
  return {
    files,
    packages: paths.flatMap((path) => {
      const folder = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1];
      return folder === undefined ? [] : [parsePackage(folder, files)];
    }),
    sources: paths
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
      .map((path) => parseSource(path, files.get(path) ?? "")),
    developmentDependencies:
      topManifest === undefined ? [] : Object.keys(manifestOf(topManifest).devDependencies ?? {}),
    exampleDependencies: new Map(
      paths.flatMap((path) => {
        const folder = /^examples\/([^/]+)\/package\.json$/.exec(path)?.[1];
        const { dependencies } = manifestOf(folder === undefined ? "{}" : (files.get(path) ?? "{}"));
        return folder === undefined ? [] : [[folder, Object.keys(dependencies ?? {})] as const];
      }),
    ),
  };
}

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, unknown>>;
  readonly exports?: Readonly<Record<string, string | { readonly source?: string }>>;
}

function manifestOf(text: string): Manifest {
  return JSON.parse(text) as Manifest;
}

function parsePackage(folder: string, files: ReadonlyMap<string, string>): Package {
  const manifest = manifestOf(files.get(`packages/${folder}/package.json`) ?? "{}");
  const name = manifest.name ?? folder;
  const entries = new Map<string, string>();
  for (const [subpath, entry] of Object.entries(manifest.exports ?? {})) {
    if (typeof entry !== "string" && entry.source !== undefined) {
      entries.set(name + subpath.slice(1), `packages/${folder}/${entry.source.replace(/^\.\//, "")}`);
    }
  }
  const project = files.get(`packages/${folder}/tsconfig.json`);
  const config = project === undefined ? {} : ts.parseConfigFileTextToJson("tsconfig.json", project).config;
  const references = (config as { references?: readonly { path: string }[] }).references ?? [];
  return {
    folder,
    name,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    entries,
    privateNames: Object.keys(manifest.imports ?? {}).map((pattern) => pattern.replace(/\*$/, "")),
    references: references.map((reference) => reference.path.replace(/^\.\.\//, "")),
  };
}

function parseSource(path: string, text: string): Source {
  const parts = path.split("/");
  const inPackage = parts[0] === "packages" && parts.length > 2;
  return {
    path,
    text,
    ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS),
    packageFolder: inPackage ? (parts[1] ?? null) : null,
    shipped: inPackage && parts[2] === "src",
  };
}

/** A finding at a place in a source. */
export function findingAt(source: Source, position: number, rule: string, message: string): Finding {
  const line = source.ast.getLineAndCharacterOfPosition(position).line + 1;
  return { path: source.path, line, rule, message };
}

/** Calls `visitor` with every node below `node`, parents first; documentation comments are not nodes here. */
export function walk(node: ts.Node, visitor: (node: ts.Node) => void): void {
  visitor(node);
  ts.forEachChild(node, (child) => walk(child, visitor));
}

const commentsBySource = new WeakMap<Source, readonly ts.TextRange[]>();

/** Every comment of a source, in order, delimiters included. */
export function commentsOf(source: Source): readonly ts.TextRange[] {
  const known = commentsBySource.get(source);
  if (known !== undefined) {
    return known;
  }
  const byStart = new Map<number, ts.TextRange>();
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) {
      return;
    }
    const children = node.getChildren(source.ast);
    if (children.length === 0) {
      // What stands before a token: the rest of the previous token's line, and the lines between.
      const trailing = ts.getTrailingCommentRanges(source.text, node.pos) ?? [];
      const leading = ts.getLeadingCommentRanges(source.text, node.pos) ?? [];
      for (const range of [...trailing, ...leading]) {
        byStart.set(range.pos, range);
      }
    }
    children.forEach(visit);
  };
  visit(source.ast);
  const comments = [...byStart.values()].sort((left, right) => left.pos - right.pos);
  commentsBySource.set(source, comments);
  return comments;
}
