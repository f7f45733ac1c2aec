/**
 * Import boundaries: package.json is the architecture, and nothing goes around it. The allowed layers stand in
 * `policy.ts`.
 */
import { isBuiltin } from "node:module";
import { collectImports, findCycles, type ModuleImport } from "./modules.ts";
import { coreFolders, layers, purePackages } from "./policy.ts";
import { type Finding, findingAt, type Package, type Workspace } from "./workspace.ts";

/** Checks every import, every package.json and every project reference against the layers. */
export function checkImports(workspace: Workspace): Finding[] {
  const imports = collectImports(workspace);
  return [
    ...workspace.packages.flatMap((one) => checkManifest(workspace, one)),
    ...checkPackageCycles(workspace),
    ...imports.flatMap((found) => {
      const message = judgeImport(workspace, found);
      return message === null ? [] : [findingAt(found.from, found.position, "import", message)];
    }),
    ...checkModuleCycles(imports),
  ];
}

function checkManifest(workspace: Workspace, one: Package): Finding[] {
  const path = `packages/${one.folder}/package.json`;
  const layer = layers[one.folder];
  if (layer === undefined) {
    return [
      { path, line: 1, rule: "layer", message: `${one.folder} has no layer: give it one in policy.ts` },
    ];
  }
  const findings: Finding[] = [];
  const report = (message: string): void => {
    findings.push({ path, line: 1, rule: "layer", message });
  };
  const folders = workspaceDependencies(workspace, one);
  for (const folder of folders) {
    if (!layer.packages.includes(folder)) {
      report(`${one.folder} must not depend on ${folder}`);
    }
    if (!one.references.includes(folder)) {
      report(`tsconfig.json lacks the project reference ../${folder}`);
    }
  }
  for (const folder of one.references.filter((reference) => !folders.includes(reference))) {
    report(`tsconfig.json references ../${folder}, which is not a dependency`);
  }
  const names = new Set(workspace.packages.map((other) => other.name));
  for (const name of one.dependencies) {
    if (!names.has(name) && !layer.external.includes(name)) {
      report(`${one.folder} must not depend on ${name}`);
    }
  }
  return findings;
}

function workspaceDependencies(workspace: Workspace, one: Package): string[] {
  return workspace.packages
    .filter((other) => one.dependencies.includes(other.name))
    .map((other) => other.folder);
}

function checkPackageCycles(workspace: Workspace): Finding[] {
  const edges = new Map(workspace.packages.map((one) => [one.folder, workspaceDependencies(workspace, one)]));
  return findCycles(edges).map((cycle) => ({
    path: `packages/${cycle[0]}/package.json`,
    line: 1,
    rule: "cycle",
    message: `packages depend on each other: ${[...cycle, cycle[0]].join(" → ")}`,
  }));
}

function checkModuleCycles(imports: readonly ModuleImport[]): Finding[] {
  const edges = new Map<string, string[]>();
  for (const { from, target } of imports) {
    if (target !== null && target !== from.path) {
      edges.set(from.path, [...(edges.get(from.path) ?? []), target]);
    }
  }
  return findCycles(edges).map((cycle) => ({
    path: cycle[0] ?? "",
    line: 1,
    rule: "cycle",
    message: `modules import each other: ${[...cycle, cycle[0]].join(" → ")}`,
  }));
}

/** What the package.json of an example names; nothing for other files. Jest gives its globals under a name of their own. */
function exampleDependencies(workspace: Workspace, path: string): string[] {
  const folder = /^examples\/[^/]+\//.exec(path)?.[0];
  const text = folder === undefined ? undefined : workspace.files.get(`${folder}package.json`);
  if (text === undefined) {
    return [];
  }
  const { dependencies = {}, devDependencies = {} } = JSON.parse(text) as Record<string, object | undefined>;
  const names = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  return names.includes("jest") ? [...names, "@jest/globals"] : names;
}

function judgeImport(workspace: Workspace, found: ModuleImport): string | null {
  return found.specifier.startsWith(".") ? judgeRelative(workspace, found) : judgeBare(workspace, found);
}

function judgeRelative(workspace: Workspace, found: ModuleImport): string | null {
  const { from, target, specifier } = found;
  if (target === null) {
    return /(^|\/)(generated|dist)\//.test(specifier) || !specifier.endsWith(".ts")
      ? null // Not a source of ours; whether it exists the compiler knows.
      : `${specifier} does not exist`;
  }
  const targetPackage = /^packages\/([^/]+)\//.exec(target)?.[1] ?? null;
  if (targetPackage !== null && targetPackage !== from.packageFolder) {
    return `${specifier} reaches into package ${targetPackage}: import it by name`;
  }
  if (from.shipped && !target.includes("/src/")) {
    return `${specifier} is not part of what gets published`;
  }
  const own = workspace.packages.find((one) => one.folder === from.packageFolder);
  const isIndex =
    own !== undefined && [...own.entries.values()].includes(target) && target.endsWith("/index.ts");
  if (from.shipped && isIndex) {
    return `${specifier} is the package's own index: import the module that has it`;
  }
  const opened = /^packages\/raft\/src\/([^/]+)\//.exec(target)?.[1] ?? "";
  if (from.path.startsWith("packages/raft/src/host/") && coreFolders.includes(opened)) {
    return `the host loop sees raw-node.ts, never core internals such as ${specifier}`;
  }
  return null;
}

function judgeBare(workspace: Workspace, found: ModuleImport): string | null {
  const { from, specifier } = found;
  const own = workspace.packages.find((one) => one.folder === from.packageFolder) ?? null;
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith("node:")) {
      return `write node:${specifier}`;
    }
    return from.shipped && own !== null && purePackages.has(own.folder)
      ? `${specifier}: pure packages have no host`
      : null;
  }
  if (specifier.startsWith("#")) {
    return own?.privateNames.some((prefix) => specifier.startsWith(prefix)) === true
      ? null
      : `${specifier} is not among the imports of package.json`;
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const imported = workspace.packages.find((one) => one.name === name);
  if (imported !== undefined && found.target === null) {
    return `${specifier} is not an entry of ${name}`;
  }
  if (!from.shipped) {
    // Tests, benchmarks and scripts stand above all packages.
    const known =
      imported !== undefined ||
      [
        ...workspace.developmentDependencies,
        ...(own?.dependencies ?? []),
        ...exampleDependencies(workspace, from.path),
      ].includes(name);
    return known ? null : `${name} is not a dependency`;
  }
  if (imported !== undefined && imported === own) {
    return "a package imports its own modules by path";
  }
  return own?.dependencies.includes(name) === true
    ? null
    : `${name} is not in ${own?.folder ?? "?"}/package.json`;
}
