/**
 * `npm run docs`: the API reference of every published package, in .cache/reference. Fails on any warning, and where an exported
 * symbol has no doc comment.
 *
 *     node scripts/docs.ts --check   looks only, writes nothing
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Application, ReflectionKind } from "typedoc";
import { root } from "./lib/root.ts";

/** Modules that a package exports, as files. */
function entryPoints(): string[] {
  return globSync("packages/*/package.json", { cwd: root })
    .sort()
    .flatMap((path) => {
      const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as {
        private?: boolean;
        exports?: Record<string, { source?: string }>;
      };
      const folder = join(root, path, "..");
      return manifest.private === true
        ? []
        : Object.values(manifest.exports ?? {}).flatMap(({ source }) => {
            const file = source === undefined ? null : join(folder, source);
            // A package that is only reserved yet exports nothing.
            return file === null ||
              !existsSync(file) ||
              !/export [{*]\s*[^}\s]/.test(readFileSync(file, "utf8"))
              ? []
              : [file];
          });
    });
}

async function main(args: readonly string[]): Promise<number> {
  const app = await Application.bootstrap({
    name: "Quorate",
    entryPoints: entryPoints(),
    tsconfig: join(root, "tsconfig.reference.json"),
    readme: "none",
    out: join(root, ".cache/reference"),
    // The compiler judges the sources elsewhere, package by package, each with its own library of types.
    skipErrorChecking: true,
    validation: { notExported: false, invalidLink: true, rewrittenLink: true, notDocumented: true },
    requiredToBeDocumented: ["Class", "Interface", "Function", "Variable", "TypeAlias", "Enum"],
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    logLevel: "Warn",
  });
  const project = await app.convert();
  if (project === undefined) {
    console.log("docs: 0 passed, 1 failed");
    return 1;
  }
  app.validate(project);
  if (!args.includes("--check")) {
    await app.generateOutputs(project);
  }
  const problems = app.logger.errorCount + app.logger.warningCount;
  const symbols = project.getReflectionsByKind(
    ReflectionKind.Class |
      ReflectionKind.Interface |
      ReflectionKind.Function |
      ReflectionKind.TypeAlias |
      ReflectionKind.Variable,
  );
  console.log(`docs: ${symbols.length} exported symbols, ${problems} problems`);
  return problems === 0 && symbols.length > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
