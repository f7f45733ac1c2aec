/** The check of documentation examples finds what does not compile and what throws, and says where. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkExamples,
  type Example,
  examplesOfDocument,
  examplesOfSource,
} from "../scripts/doc-examples.ts";

const fence = "```";

function example(code: string): Example {
  return { path: "packages/base/src/planted.ts", line: 10, code };
}

test("blocks of doc comments are found, with their lines", () => {
  const text = `/** Header. */\n\n/**\n * Doc.\n *\n * @example\n * ${fence}ts\n * const a = 1;\n *\n * a;\n * ${fence}\n */\nexport const x = 1;\n`;
  assert.deepEqual(examplesOfSource("a.ts", text), [{ path: "a.ts", line: 8, code: "const a = 1;\n\na;\n" }]);
});

test("blocks of an indented doc comment are found", () => {
  const text = `class A {\n  /**\n   * ${fence}ts\n   * 1;\n   * ${fence}\n   */\n  b(): void {}\n}\n`;
  assert.deepEqual(examplesOfSource("a.ts", text), [{ path: "a.ts", line: 4, code: "1;\n" }]);
});

test("blocks in other languages and in plain comments are not", () => {
  assert.deepEqual(examplesOfSource("a.ts", `/**\n * ${fence}sh\n * ls\n * ${fence}\n */\n`), []);
  assert.deepEqual(examplesOfSource("a.ts", `/*\n * ${fence}ts\n * 1;\n * ${fence}\n */\n`), []);
});

test("documents choose what runs", () => {
  const text = `# Title\n\n${fence}ts\nnot();\n${fence}\n\n${fence}ts runnable\nyes();\n${fence}\n`;
  assert.deepEqual(examplesOfDocument("a.md", text), [{ path: "a.md", line: 8, code: "yes();\n" }]);
});

test("what does not compile is reported at its line", async () => {
  const problems = await checkExamples([example("const a = 1;\nconst b: string = a;\n")]);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /^packages\/base\/src\/planted\.ts:11 Type 'number' is not assignable/);
});

test("what a package does not export is reported", async () => {
  const problems = await checkExamples([example('import { nothing } from "@quorate/base";\nnothing;\n')]);
  assert.match(problems.join(), /planted\.ts:10 .*nothing/);
});

test("what throws is reported, at once or a turn later", async () => {
  const thrown = await checkExamples([example("throw new Error('planted');\n")]);
  assert.match(thrown.join(), /^packages\/base\/src\/planted\.ts:10 Error: planted/);
  const rejected = await checkExamples([example("void Promise.reject(new Error('planted'));\n")]);
  assert.match(rejected.join(), /^packages\/base\/src\/planted\.ts:10 Error: planted/);
});

test("a good one passes", async () => {
  assert.deepEqual(
    await checkExamples([example('import { crc32c } from "@quorate/base";\ncrc32c(new Uint8Array(1));\n')]),
    [],
  );
});
