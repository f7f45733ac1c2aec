/**
 * A reporter for Node's test runner: one line per file (and per test where QUORATE_TEST_VERBOSE=1), each failure in
 * full, at the end the runner's own totals.
 */
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import { root } from "./root.ts";

interface FileTally {
  passed: number;
  failed: number;
  skipped: number;
}

const verbose = process.env["QUORATE_TEST_VERBOSE"] === "1";
const totals = new Set(["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"]);

function describeTally(tally: FileTally): string {
  const parts = [`${tally.passed} passed`];
  if (tally.failed > 0) {
    parts.push(`${tally.failed} failed`);
  }
  if (tally.skipped > 0) {
    parts.push(`${tally.skipped} SKIPPED`);
  }
  return parts.join(", ");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

/** The thrown value itself: the runner wraps it in an error of its own. */
function describeFailure(error: Error): string {
  return inspect(error.cause ?? error, { depth: 4 });
}

/** The file that was run: a test that a helper defined stands in the helper's file. */
function fileOf(data: {
  readonly file?: string | undefined;
  readonly entryFile?: string | undefined;
}): string {
  return data.entryFile ?? data.file ?? "";
}

/** Consumed by `--test-reporter`. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileTally>();
  const tallyOf = (file: string): FileTally => {
    let tally = files.get(file);
    if (tally === undefined) {
      tally = { passed: 0, failed: 0, skipped: 0 };
      files.set(file, tally);
    }
    return tally;
  };
  for await (const event of source) {
    switch (event.type) {
      case "test:pass": {
        const { data } = event;
        const skipped = data.skip !== undefined && data.skip !== false;
        if (data.details.type !== "suite") {
          tallyOf(fileOf(data))[skipped ? "skipped" : "passed"]++;
        }
        if (skipped) {
          yield `﹣ SKIPPED ${data.name}${typeof data.skip === "string" ? `: ${data.skip}` : ""}\n`;
        } else if (verbose) {
          yield `${"  ".repeat(data.nesting)}✔ ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
        }
        break;
      }
      case "test:fail": {
        const { data } = event;
        if (data.details.type !== "suite") {
          tallyOf(fileOf(data)).failed++;
        }
        const where = data.file === undefined ? "" : ` (${relative(root, data.file)}:${data.line ?? 0})`;
        yield `✖ ${data.name}${where}\n${indent(describeFailure(data.details.error))}\n`;
        break;
      }
      case "test:stdout":
      case "test:stderr":
        yield `${indent(event.data.message.trimEnd())}\n`;
        break;
      case "test:summary": {
        const { file, success, duration_ms: durationMs } = event.data;
        if (file !== undefined) {
          const tally = describeTally(tallyOf(file));
          yield `${success ? "✔" : "✖"} ${relative(root, file)} (${tally}, ${Math.round(durationMs)} ms)\n`;
        }
        break;
      }
      case "test:diagnostic":
        if (totals.has(event.data.message.split(" ")[0] ?? "")) {
          yield `ℹ ${event.data.message}\n`;
        }
        break;
    }
  }
}
