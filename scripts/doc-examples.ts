/**
 * Examples in documentation compile and run. Every ```ts block in a doc comment of a package, and every block that
 * README.md or docs/*.md marks as ```ts runnable, is written to a file of its own, type-checked with the repository's
 * settings, and imported as a stand-alone module.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { root } from "./lib/root.ts";
import { run } from "./lib/run.ts";

/** One block of code, and where it stands. */
export interface Example {
  /** From the top of the checkout. */
  readonly path: string;
  /** Of the block's first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** Blocks of a TypeScript file's doc comments. */
export function examplesOfSource(path: string, text: string): Example[] {
  const examples: Example[] = [];
  for (const comment of text.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)) {
    const firstLine = text.slice(0, comment.index).split("\n").length;
    const bare = comment[0].split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
    examples.push(
      ...blocksOf(bare, /^```ts\s*$/).map((block) => ({ ...block, path, line: block.line + firstLine })),
    );
  }
  return examples;
}

/** Blocks of a Markdown text that are marked as runnable. */
export function examplesOfDocument(path: string, text: string): Example[] {
  return blocksOf(text.split("\n"), /^```ts runnable\s*$/).map((block) => ({
    ...block,
    path,
    line: block.line + 1,
  }));
}

function blocksOf(lines: readonly string[], opening: RegExp): { line: number; code: string }[] {
  const blocks: { line: number; code: string }[] = [];
  let startedAt: number | null = null;
  lines.forEach((line, index) => {
    if (startedAt === null && opening.test(line)) {
      startedAt = index + 1;
    } else if (startedAt !== null && /^```\s*$/.test(line)) {
      blocks.push({ line: startedAt, code: `${lines.slice(startedAt, index).join("\n")}\n` });
      startedAt = null;
    }
  });
  return blocks;
}

/** Every example of the repository. */
function collectExamples(): Example[] {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  return [
    ...globSync("packages/*/src/**/*.ts", { cwd: root })
      .filter((path) => !path.includes("/generated/"))
      .sort()
      .flatMap((path) => examplesOfSource(path, read(path))),
    ...globSync(["README.md", "docs/**/*.md", "packages/*/README.md"], { cwd: root })
      .sort()
      .flatMap((path) => examplesOfDocument(path, read(path))),
  ];
}

/** What is wrong with the examples: nothing, or one text for each problem. */
export async function checkExamples(examples: readonly Example[]): Promise<string[]> {
  // Inside the checkout, so that the packages' names resolve; of its own, so that two runs do not meet.
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache/doc-examples-"));
  try {
    return await checkIn(folder, examples);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkIn(folder: string, examples: readonly Example[]): Promise<string[]> {
  const files = new Map<string, Example>();
  examples.forEach((example, index) => {
    const name = example.path.replaceAll(/[/.]/g, "-");
    const file = join(folder, `${String(index).padStart(3, "0")}-${name}-${example.line}.ts`);
    writeFileSync(file, `${example.code}export {};\n`);
    files.set(file, example);
  });
  const problems = typeProblems(files);
  return problems.length > 0 ? problems : runProblems(folder, files);
}

function typeProblems(files: ReadonlyMap<string, Example>): string[] {
  const base = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(base.config.compilerOptions, root);
  const program = ts.createProgram([...files.keys()], {
    ...options,
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    isolatedDeclarations: false,
    // Examples show values without using them.
    noUnusedLocals: false,
    noUnusedParameters: false,
    // They stand where a user's code stands, on Node.
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  });
  return [...files].flatMap(([file, example]) => {
    const source = program.getSourceFile(file);
    return ts.getPreEmitDiagnostics(program, source).map((diagnostic) => {
      const position = source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
      return `${example.path}:${example.line + (position?.line ?? 0)} ${text}`;
    });
  });
}

/** Imports all examples in one process, each with an empty folder to write into, and reports those that throw. */
async function runProblems(folder: string, files: ReadonlyMap<string, Example>): Promise<string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "quorate-examples-"));
  const list = [...files].map(([file, { path, line }]) => [pathToFileURL(file).href, `${path}:${line}`]);
  const runner = join(folder, "run.mjs");
  writeFileSync(
    runner,
    `
import { mkdirSync } from "node:fs";
const slowestMs = 20_000;
// Temporary folders that examples make go with all the rest.
process.env.TMPDIR = process.cwd();
let current = "";
const fail = (error) => {
  console.log(current + " " + (error?.stack ?? error));
  process.exitCode = 1;
};
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
for (const [index, [url, where]] of ${JSON.stringify(list)}.entries()) {
  current = where;
  mkdirSync(String(index));
  process.chdir(String(index));
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("did not finish within " + slowestMs + " ms")), slowestMs);
  });
  await Promise.race([import(url), late]).catch(fail);
  clearTimeout(timer);
  // What an example left behind for the next turn of the event loop fails here, under its name.
  await new Promise((resolve) => setImmediate(resolve));
  process.chdir("..");
}
process.exit();
`,
  );
  const outcome = await run(process.execPath, [runner], { cwd: scratch });
  rmSync(scratch, { recursive: true, force: true });
  return outcome.code === 0 ? [] : [outcome.output.trimEnd() || `the runner ended with code ${outcome.code}`];
}

async function main(): Promise<number> {
  const examples = collectExamples();
  const problems = await checkExamples(examples);
  for (const problem of problems) {
    console.log(problem);
  }
  console.log(`doc-examples: ${examples.length} examples, ${problems.length} problems`);
  return problems.length === 0 && examples.length > 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await main();
}
