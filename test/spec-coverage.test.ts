/** The check of the rules finds what is missing, misnamed or stale, and the repository's own rules are all covered. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../scripts/lib/root.ts";
import { cover } from "../scripts/spec/coverage.ts";
import { around, core, corner, differs, notYet, outside, type Rule } from "../scripts/spec/rule.ts";
import { allRules, ruleParts } from "../scripts/spec/rules.ts";
import { readPackages, renderTable, replaceTable } from "../scripts/spec-coverage.ts";

const rules: readonly Rule[] = [
  core("one", "FIG 2 AppendEntries 3; §3.5", "The first."),
  core("two", "§3.5", "The second."),
];
const source = "packages/raft/src/core/a.ts";
const paper = "packages/raft/test/paper/a.test.ts";
const clean = {
  [source]: "// FIG 2 AppendEntries receiver 3 [one]: why.\n1;\n/** RAFT §3.5 [two]. */\n",
  // Assembled: written out, the title would be a template literal here.
  [paper]:
    '// [one]\ntest("FIG 2 AppendEntries 3: it cuts", () => {});\n// [two]\ntest(\n  `§3.5: of $' +
    "{1} it cuts`, () => {});\n",
};

function problems(files: Readonly<Record<string, string>>, list: readonly Rule[] = rules): readonly string[] {
  return cover(list, new Map(Object.entries({ ...clean, ...files }))).problems;
}

test("rules with source and test have no problem, and the table shows both", () => {
  const coverage = cover(rules, new Map(Object.entries(clean)));
  assert.deepEqual(coverage.problems, []);
  assert.deepEqual(
    coverage.rules.map(({ sources, tests }) => [sources[0]?.line, tests[0]?.line, tests[0]?.name]),
    [
      [1, 1, "FIG 2 AppendEntries 3: it cuts"],
      [3, 3, "§3.5: of … it cuts"],
    ],
  );
});

test("a rule without a source", () => {
  assert.deepEqual(problems({ [source]: "// RAFT §3.5 [two]\n" }), ["one: no source enforces it"]);
  assert.deepEqual(problems({ [source]: "// RAFT §3.5 [two], and [one] apart from its citation\n" }), [
    "one: no source enforces it",
  ]);
});

test("a rule without a test", () => {
  assert.deepEqual(problems({ [paper]: '// [two]\ntest("§3.5: x", () => {});\n' }), [
    "one: no test would notice its loss",
  ]);
});

test("several rules share a tag, and several citations a line", () => {
  assert.deepEqual(problems({ [source]: "// FIG 2 AppendEntries receiver 3 [one]; RAFT §3.5 [two]\n" }), []);
  assert.deepEqual(problems({ [source]: "// RAFT §3.5 [one, two]\n" }), []);
});

test("a tag that names no rule, in a source or a test", () => {
  assert.deepEqual(problems({ "packages/wal/src/b.ts": "// RAFT §3.8 [three]\n" }), [
    "packages/wal/src/b.ts:1: no rule is called three",
  ]);
  assert.deepEqual(problems({ "packages/wal/test/b.test.ts": '// [three]\ntest("x", () => {});\n' }), [
    "packages/wal/test/b.test.ts:1: no rule is called three",
  ]);
});

test("a tag behind another citation than the rule's", () => {
  assert.deepEqual(problems({ "packages/wal/src/b.ts": "1;\n// RAFT §3.8 [two]\n" }), [
    "packages/wal/src/b.ts:2: two is not from §3.8 but from §3.5",
  ]);
});

test("a title in test/paper that does not begin with where its rule is from", () => {
  const title = "§3.6: x";
  assert.equal(
    problems({ "packages/raft/test/paper/b.test.ts": `// [two]\ntest("${title}", () => {});\n` }).length,
    1,
  );
  assert.deepEqual(
    problems({ "packages/raft/test/core/b.test.ts": `// [two]\ntest("${title}", () => {});\n` }),
    [],
  );
});

test("a tag without a test behind it", () => {
  assert.equal(problems({ "packages/wal/test/b.test.ts": "// [two]\n" }).length, 1);
});

test("one id for two rules", () => {
  assert.deepEqual(problems({}, [...rules, core("two", "§3.5", "Again.")]), ["two: listed twice"]);
});

test("a place outside the core is named by a text that stands there once", () => {
  const rule = around(
    "host",
    "three",
    "§3.9",
    "x",
    { path: source, text: "why" },
    { path: paper, text: "cuts" },
  );
  assert.deepEqual(problems({}, [...rules, { ...rule, tests: rule.sources }]), []);
  const found = problems({}, [...rules, rule]);
  assert.match(
    found.join("\n"),
    /^three: packages\/raft\/test\/paper\/a.test.ts must hold "cuts" once: 2 times\nthree: no test/,
  );
  assert.match(
    problems({ [source]: clean[source]?.replace("why", "") ?? "" }, [...rules, rule]).join("\n"),
    /must hold "why" once: 0 times/,
  );
});

test("what is not built or not ours carries no tag, and what differs needs one", () => {
  assert.deepEqual(problems({}, [core("one", "§3.5", "x"), notYet("two", "§3.5", "x", "y")]).slice(-1), [
    "two: tagged, but listed as not-yet",
  ]);
  assert.deepEqual(
    problems({}, [...rules, outside("three", "§3.9", "x", "y"), notYet("four", "§6.3", "x", "y")]),
    [],
  );
  assert.equal(problems({}, [...rules, differs("three", "§4.1", "x", "y")]).length, 2);
});

test("a corner case needs a test, and nothing else", () => {
  assert.deepEqual(problems({}, [...rules, corner(7, "x")]), ["case-7: no test would notice its loss"]);
  const tagged = { "packages/raft/test/paper/b.test.ts": '// [case-7]\ntest("any title", () => {});\n' };
  assert.deepEqual(problems(tagged, [...rules, corner(7, "x")]), []);
});

test("a document without the marks is refused, another one keeps its prose", () => {
  assert.throws(() => replaceTable("# Raft\n", "table"), /marks/);
  const text = readFileSync(join(root, "docs/raft.md"), "utf8");
  const replaced = replaceTable(text, "table");
  assert.notEqual(replaced, text);
  assert.equal(replaced.split("\n")[0], text.split("\n")[0]);
});

test("this repository: every rule has its source and its test, and the table is current", () => {
  const coverage = cover(allRules, readPackages());
  assert.deepEqual(coverage.problems, []);
  const text = readFileSync(join(root, "docs/raft.md"), "utf8");
  assert.ok(text === replaceTable(text, renderTable(coverage)), "run: node scripts/spec-coverage.ts");
});

test("the sections that rules are from exist", () => {
  const { sections } = JSON.parse(readFileSync(join(root, "scripts/raft-sections.json"), "utf8")) as {
    sections: string[];
  };
  const places = [...ruleParts.values()].flat().flatMap(({ from }) => from.split("; "));
  const strange = places.filter(
    (place) =>
      !(place.startsWith("§") ? sections.includes(place.slice(1)) : /^(FIG [23] |paper §[5-8])/.test(place)),
  );
  assert.deepEqual(strange, []);
});
