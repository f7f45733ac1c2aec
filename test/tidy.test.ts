/**
 * Each rule of tidy finds the violation planted here and nothing in the clean text beside it: a rule that cannot fail
 * protects nothing. The last test runs all of them on the repository itself.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { root } from "../scripts/lib/root.ts";
import type { Exception } from "../scripts/tidy/policy.ts";
import { findAll } from "../scripts/tidy/rules.ts";
import { describeSizes } from "../scripts/tidy/sizes.ts";
import { type Finding, parseWorkspace, readFiles } from "../scripts/tidy/workspace.ts";

function manifest(name: string, dependencies: readonly string[] = []): string {
  return JSON.stringify({
    name,
    exports: { ".": { source: "./src/index.ts" } },
    dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, "0.1.0"])),
  });
}

function project(...references: readonly string[]): string {
  return JSON.stringify({ references: references.map((folder) => ({ path: `../${folder}` })) });
}

/** A workspace without findings, into which tests plant theirs. */
const clean: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ devDependencies: { "fast-check": "1" } }),
  "packages/base/package.json": manifest("@quorate/base"),
  "packages/base/tsconfig.json": project(),
  "packages/base/src/index.ts": '/** The list. */\nexport { one } from "./one.ts";\n',
  "packages/base/src/one.ts": "/** Numbers. */\n\n/** The first. */\nexport const one: number = 1;\n",
  "packages/raft/package.json": manifest("@quorate/raft", ["@quorate/base"]),
  "packages/raft/tsconfig.json": project("base"),
  "packages/raft/src/index.ts": '/** The list. */\nexport { two } from "./two.ts";\n',
  "packages/raft/src/two.ts":
    '/** Numbers. */\nimport { one } from "@quorate/base";\n\n/** The second. RAFT §3.6.2. */\nexport const two: number = one + 1;\n',
};

/** Findings after planting `files`. */
function plant(files: Readonly<Record<string, string>>, exceptions: readonly Exception[] = []): Finding[] {
  return findAll(parseWorkspace(new Map(Object.entries({ ...clean, ...files }))), exceptions);
}

/** Plants `body` in a module of a pure package and expects exactly these rules to object, at line 3. */
function expectRules(body: string, ...rules: readonly string[]): void {
  const path = "packages/base/src/planted.ts";
  const found = plant({ [path]: `/** A module. */\n\n${body}\n` });
  assert.deepEqual(
    found.map(({ path: where, line, rule }) => `${where}:${line} ${rule}`),
    rules.map((rule) => `${path}:3 ${rule}`),
  );
}

test("a clean workspace has no findings", () => {
  assert.deepEqual(plant({}), []);
});

describe("purity", () => {
  const violations = [
    "Date.now();",
    "new Date();",
    "Math.random();",
    "setTimeout(() => undefined, 1);",
    "setInterval(() => undefined, 1);",
    "setImmediate(() => undefined);",
    "queueMicrotask(() => undefined);",
    "console.log(1);",
    "performance.now();",
    "new Intl.NumberFormat();",
    "new WeakRef({});",
    "new FinalizationRegistry(() => undefined);",
    "new TextEncoder();",
    "new TextDecoder();",
    "process.exit(1);",
    "Buffer.alloc(1);",
    "global.x;",
    "globalThis.x;",
    'crypto.getRandomValues("");',
    '"a".localeCompare("b");',
    '"a".toLocaleUpperCase();',
    "(1).toLocaleString();",
    "for (const key in {}) { key; }",
    "Object.keys({});",
    "Object.values({});",
    "Object.entries({});",
    "const held = { Date };",
    "const at: Date | null = null;",
  ];
  for (const violation of violations) {
    test(violation, () => expectRules(violation, "purity"));
  }

  test("allows what only looks alike", () => {
    expectRules(
      "const row = { Date: 1, process: 2 }; row.Date; row.process; Math.max(1, 2); for (const x of []) x;",
    );
    expectRules("function run(process: () => void): void { process(); } run(() => undefined);");
  });

  test("allows Object.keys with its reason, on the line before or the same line", () => {
    expectRules("Object.keys({}); // ORDER: keys are flag names.");
    const path = "packages/base/src/planted.ts";
    assert.deepEqual(plant({ [path]: "// ORDER: keys are flag names.\nObject.keys({});\n" }), []);
    assert.equal(plant({ [path]: "// ORDER: keys are flag names.\n\nObject.keys({});\n" }).length, 1);
  });

  test("leaves packages with a host, tests and scripts alone", () => {
    const files = {
      "packages/grpc/package.json": manifest("@quorate/grpc"),
      "packages/grpc/tsconfig.json": project(),
      "packages/grpc/src/index.ts": "/** The list. */\nDate.now();\nawait Promise.resolve();\n",
      "packages/base/test/one.test.ts": "Date.now();\nawait Promise.resolve();\n",
      "scripts/one.ts": "/** A script. */\nDate.now();\n",
    };
    assert.deepEqual(plant(files), []);
  });
});

describe("synchrony", () => {
  test("async", () => expectRules("(async () => undefined)();", "synchrony"));
  test("await", () => expectRules("await 1;", "synchrony"));
  test("for await", () => expectRules("for await (const x of []) { x; }", "synchrony"));
  test("Promise", () => expectRules("Promise.resolve();", "synchrony"));
  test("Promise as a type", () => expectRules("let p: Promise<void> | null = null; p;", "synchrony"));
});

describe("habits", () => {
  test("a template literal as assert message", () => {
    // The planted text is assembled: written out, it would be a template literal here.
    expectRules(["assert(true, `x $", "{1}`);"].join(""), "assert-message");
  });
  test("a concatenation as assert message", () => expectRules('assert(true, "x" + 1);', "assert-message"));
  test("a call as must message", () => expectRules("must(1, String(1));", "assert-message"));
  test("literal and lazy messages are fine", () => {
    expectRules(["assert(true, 'x'); assert(true, () => `x $", "{1}`); must(1, `x`);"].join(""));
  });
  test("any", () => expectRules("let x: any = 1; x;", "no-any"));
  test("as any", () => expectRules("1 as any;", "no-any"));
  test("non-null !", () => expectRules("[1][0]!;", "no-non-null"));
  test("test.only", () => expectRules("test.only('x', () => undefined);", "no-only"));
  test("{ only: true }", () => expectRules("test('x', { only: true }, () => undefined);", "no-only"));
  test("an empty catch", () => expectRules("try { 1; } catch {}", "no-empty-catch"));
  test("a catch with a reason", () => expectRules("try { 1; } catch { /* Already gone. */ }"));
  for (const mark of ["TO" + "DO", "FIX" + "ME", "XXX"]) {
    test(`a comment with ${mark}`, () => expectRules(`1; // ${mark}: later`, "no-work-marks"));
    test(`a string with ${mark}`, () => expectRules(`"${mark}";`));
  }
  for (const directive of ["ts-ignore", "ts-nocheck", "ts-expect-error"]) {
    test(`@${directive}`, () => expectRules(`1; // @${directive} silence`, "no-ts-ignore"));
  }
  test("a type test may expect an error", () => {
    assert.deepEqual(
      plant({ "packages/base/test/types/one.test-d.ts": "// @ts-expect-error not a string\n1;\n" }),
      [],
    );
  });
});

describe("doc-comment", () => {
  const document = (text: string): string[] =>
    plant({
      "packages/base/src/planted.ts": text,
      "packages/base/test/planted.test.ts": 'import * as planted from "../src/planted.ts";\nplanted;\n',
    }).map(({ rule, line, message }) => `${rule}:${line} ${message.split(" ")[0]}`);

  for (const declaration of [
    "export const x: number = 1;",
    "export function x(): void {}",
    "export class x {}",
    "export interface x {}",
    "export type x = 1;",
  ]) {
    test(declaration, () => {
      assert.deepEqual(
        document(`/** A module. */\n\n${declaration}\n`),
        ["doc-comment:3 x"],
        "the header counted",
      );
      assert.deepEqual(document(`/** A module. */\n\n/** A thing. */\n${declaration}\n`), []);
    });
  }
  test("a declaration further down", () => {
    assert.deepEqual(document("/** A module. */\nlet a = 1;\n// Not a doc comment.\nexport const x = a;\n"), [
      "doc-comment:4 x",
    ]);
  });
  test("one documented overload is enough", () => {
    const text =
      "/** A module. */\n\n/** Doc. */\nexport function x(a: 1): void;\nexport function x(a: 1): void {}\n";
    assert.deepEqual(document(text), []);
  });
});

describe("citation", () => {
  test("no section", () => expectRules("1; // RAFT 3.6.2: counted.", "citation"));
  test("a section that does not exist", () => expectRules("1; // RAFT §3.12: counted.", "citation"));
  test("a chapter without rules", () => expectRules("1; // RAFT §8: counted.", "citation"));
  test("a figure without number", () => expectRules("1; // FIG AppendEntries 3.", "citation"));
  test("proper ones", () =>
    expectRules("1; // RAFT §3.6.2, RAFT §10.2.1: counted. FIG 2 AppendEntries receiver 3."));
  test("an error code is no citation", () => expectRules("1; // RAFT_NOT_LEADER"));
});

describe("unused-export", () => {
  const planted = "/** A module. */\n\n/** A thing. */\nexport const thing: number = 1;\n";
  const path = "packages/base/src/planted.ts";
  const rulesOf = (files: Readonly<Record<string, string>>): string[] => plant(files).map(({ rule }) => rule);

  test("imported nowhere", () => assert.deepEqual(rulesOf({ [path]: planted }), ["unused-export"]));
  test("imported by a module", () => {
    const user = '/** A module. */\nimport { thing } from "./planted.ts";\n\nthing;\n';
    assert.deepEqual(rulesOf({ [path]: planted, "packages/base/src/user.ts": user }), []);
  });
  test("imported by a test under another name", () => {
    const user = 'import { thing as other } from "../src/planted.ts";\nother;\n';
    assert.deepEqual(rulesOf({ [path]: planted, "packages/base/test/user.test.ts": user }), []);
  });
  test("another name of the module is imported", () => {
    const user = 'import { other } from "../src/planted.ts";\nother;\n';
    assert.deepEqual(rulesOf({ [path]: planted, "packages/base/test/user.test.ts": user }), [
      "unused-export",
    ]);
  });
  test("a re-export that nobody imports", () => {
    const again = '/** A module. */\nexport { one } from "./one.ts";\n';
    assert.deepEqual(rulesOf({ [path]: again }), ["unused-export"]);
  });
});

describe("link", () => {
  const linksOf = (text: string): string[] =>
    plant({ "docs/one.md": text, "docs/two.md": "# Two words\n\n## Log `index`\n\n## Log `index`\n" }).map(
      ({ rule, line }) => `${rule}:${line}`,
    );

  test("a missing file", () => assert.deepEqual(linksOf("# One\n[x](three.md)\n"), ["link:2"]));
  test("a missing heading", () => assert.deepEqual(linksOf("[x](two.md#three)\n"), ["link:1"]));
  test("a missing heading of its own", () => assert.deepEqual(linksOf("[x](#three)\n"), ["link:1"]));
  test("a missing definition", () => assert.deepEqual(linksOf("[x][y]\n\n[y]: three.md\n"), ["link:3"]));
  test("a missing image", () => assert.deepEqual(linksOf("![x](one.svg)\n"), ["link:1"]));
  test("a line past the end", () => {
    assert.deepEqual(linksOf("[x](../packages/base/src/one.ts#L4)\n"), []);
    assert.deepEqual(linksOf("[x](../packages/base/src/one.ts#L99)\n"), ["link:1"]);
  });
  test("links that resolve", () => {
    const text =
      "# One\n[a](two.md) [b](two.md#two-words) [c](two.md#log-index-1) [d](#one) [e](../packages/) [f](https://x.test)\n";
    assert.deepEqual(linksOf(text), []);
  });
  test("code is not prose", () => {
    assert.deepEqual(linksOf("`[x](three.md)`\n\n```\n[x](three.md)\n```\n"), []);
    assert.deepEqual(linksOf("```\n[x](three.md)\n```\n[x](three.md)\n"), ["link:4"]);
  });
});

describe("function-size", () => {
  const lines = (count: number): string => `function long(): void {${"\n  1;".repeat(count - 2)}\n}\nlong();`;
  test("70 lines", () => expectRules(lines(70)));
  test("71 lines", () => expectRules(lines(71), "function-size"));
  test("80 lines", () => expectRules(lines(80), "function-size"));
  test("81 lines: long before the ratchet", () => expectRules(lines(81)));
});

describe("imports", () => {
  const importsOf = (files: Readonly<Record<string, string>>): string[] =>
    plant(files).map(({ path, rule }) => `${path} ${rule}`);
  const inRaft = (path: string, specifier: string): string[] =>
    importsOf({ [path]: `/** A module. */\nimport "${specifier}";\n` });

  test("a package that package.json does not name", () => {
    const path = "packages/base/src/planted.ts";
    assert.deepEqual(inRaft(path, "@quorate/raft"), [`${path} import`]);
    assert.deepEqual(inRaft(path, "commander"), [`${path} import`]);
  });
  for (const specifier of [
    "../../base/src/one.ts", // another package's source, by path
    "@quorate/base/src/one.ts", // … by name
    "@quorate/raft", // itself by name
    "./index.ts", // its own index
    "./missing.ts",
    "../test/helper.ts", // what does not ship
    "node:fs",
    "fs",
    "fast-check",
  ]) {
    test(specifier, () => {
      const path = "packages/raft/src/planted.ts";
      const files = {
        "packages/raft/test/helper.ts": "1;\n",
        [path]: `/** A module. */\nimport "${specifier}";\n`,
      };
      assert.deepEqual(importsOf(files), [`${path} import`]);
    });
  }
  test("a dynamic import and a type import are imports, too", () => {
    const path = "packages/raft/src/planted.ts";
    assert.deepEqual(importsOf({ [path]: '/** A module. */\nimport("node:fs");\n' }), [`${path} import`]);
    assert.deepEqual(importsOf({ [path]: '/** A module. */\nlet x: import("node:fs").Stats;\n' }), [
      `${path} import`,
    ]);
  });
  test("tests may use node:, fast-check and any package by name, but no other package's files", () => {
    const path = "packages/base/test/planted.test.ts";
    for (const specifier of ["node:fs", "fast-check", "@quorate/raft", "@quorate/base", "../src/one.ts"]) {
      assert.deepEqual(inRaft(path, specifier), [], specifier);
    }
    for (const specifier of ["../../raft/src/two.ts", "left-pad", "@quorate/raft/inside"]) {
      assert.deepEqual(inRaft(path, specifier), [`${path} import`], specifier);
    }
  });
  test("an entry other than the index, and a private name for a path", () => {
    const files = {
      "packages/base/package.json": JSON.stringify({
        name: "@quorate/base",
        exports: { ".": { source: "./src/index.ts" }, "./more": { source: "./src/one.ts" } },
        imports: { "#generated/*": "./src/generated/*" },
      }),
      "packages/raft/src/two.ts":
        '/** Numbers. */\nimport { one } from "@quorate/base/more";\n\n/** The second. */\nexport const two: number = one;\n',
    };
    const path = "packages/base/src/planted.ts";
    const planting = (specifier: string): string[] =>
      importsOf({ ...files, [path]: `/** A module. */\nimport "${specifier}";\n` });
    assert.deepEqual(planting("#generated/one_pb.js"), []);
    assert.deepEqual(planting("#other/one.js"), [`${path} import`]);
    assert.deepEqual(planting("./one.ts"), []);
  });
  test("the host loop opens nothing of the core", () => {
    const core = {
      "packages/raft/src/core/step.ts": "/** A module. */\n",
      "packages/raft/src/raw-node.ts": "/** A module. */\n",
    };
    const host = "packages/raft/src/host/host.ts";
    assert.deepEqual(importsOf({ ...core, [host]: '/** A module. */\nimport "../core/step.ts";\n' }), [
      `${host} import`,
    ]);
    assert.deepEqual(importsOf({ ...core, [host]: '/** A module. */\nimport "../raw-node.ts";\n' }), []);
  });
  test("modules that import each other", () => {
    const found = plant({
      "packages/base/src/a.ts": '/** A. */\nimport "./b.ts";\n',
      "packages/base/src/b.ts": '/** B. */\nimport type {} from "./c.ts";\n',
      "packages/base/src/c.ts": '/** C. */\nexport * from "./a.ts";\n',
    });
    assert.deepEqual(
      found.map(({ rule, message }) => `${rule} ${message}`),
      [
        "cycle modules import each other: packages/base/src/a.ts → packages/base/src/b.ts → packages/base/src/c.ts → packages/base/src/a.ts",
      ],
    );
  });
  test("packages that depend on each other", () => {
    const found = importsOf({
      "packages/base/package.json": manifest("@quorate/base", ["@quorate/raft"]),
      "packages/base/tsconfig.json": project("raft"),
    });
    assert.deepEqual(found, ["packages/base/package.json layer", "packages/base/package.json cycle"]);
  });
  test("a dependency outside the layers", () => {
    assert.deepEqual(importsOf({ "packages/base/package.json": manifest("@quorate/base", ["yaml"]) }), [
      "packages/base/package.json layer",
    ]);
  });
  test("a package without a layer", () => {
    const files = {
      "packages/new/package.json": manifest("@quorate/new"),
      "packages/new/tsconfig.json": project(),
    };
    assert.deepEqual(importsOf(files), ["packages/new/package.json layer"]);
  });
  test("project references that differ from the dependencies", () => {
    assert.deepEqual(importsOf({ "packages/raft/tsconfig.json": project() }), [
      "packages/raft/package.json layer",
    ]);
    assert.deepEqual(importsOf({ "packages/base/tsconfig.json": project("raft") }), [
      "packages/base/package.json layer",
    ]);
  });
});

describe("exceptions", () => {
  const files = { "packages/base/src/planted.ts": "/** A module. */\nDate.now();\n" };
  test("excuse a file or a folder", () => {
    for (const path of ["packages/base/src/planted.ts", "packages/base/src/"]) {
      assert.deepEqual(plant(files, [{ rule: "purity", path, reason: "a test" }]), []);
    }
  });
  test("excuse no other rule and no other file", () => {
    for (const exception of [
      { rule: "synchrony", path: "packages/base/src/planted.ts", reason: "a test" },
      { rule: "purity", path: "packages/base/src/plant", reason: "a test" },
    ]) {
      assert.deepEqual(
        plant(files, [exception]).map(({ rule }) => rule),
        ["purity", "stale-exception"],
      );
    }
  });
});

test("the size report names every package", () => {
  const report = describeSizes(parseWorkspace(new Map(Object.entries(clean))));
  assert.match(report, /^base +2 +6 /m);
  assert.match(report, /^raft +2 +7 /m);
});

test("this repository", () => {
  const findings = findAll(parseWorkspace(readFiles(root)));
  assert.deepEqual(
    findings.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`),
    [],
  );
});
