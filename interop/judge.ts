/**
 * etcd's own black-box tests (`tests/common` of its release) as the judge of this server: compiled from the Go module proxy, no copy
 * and no patch, run against `bin/quorate` under the name `etcd`. Each test gets a process of its own, because in one process a single
 * failure makes the check for leaks skip all that follow.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { go, goBuild, programPath } from "./go.ts";

/** What became of one test. */
export interface Verdict {
  readonly status: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** What the test printed. */
  readonly output: string;
}

const marker = "QUORATE_JUDGE";

/** The compiled tests, beside the programs they call. */
export class Judge {
  readonly #program: string;
  readonly #testsFolder: string;
  readonly #folder: string;

  /** Compiles; that takes minutes for the first time and a second afterwards. @throws Error when something does not compile. */
  constructor(etcd: string = join(import.meta.dirname, "..", "bin", "quorate")) {
    this.#program = programPath("etcd-common.test");
    const tests = "go.etcd.io/etcd/tests/v3";
    go("judge", ["test", "-c", "-tags", "e2e", "-o", this.#program, `${tests}/common`]);
    // Certificates and other fixtures are looked for beside the sources.
    this.#testsFolder = join(go("judge", ["list", "-m", "-f", "{{.Dir}}", tests]).trim(), "common");
    this.#folder = mkdtempSync(join(tmpdir(), "quorate-judge-"));
    mkdirSync(join(this.#folder, "bin"));
    symlinkSync(etcd, join(this.#folder, "bin", "etcd"));
    for (const tool of ["etcdctl", "etcdutl"]) {
      symlinkSync(goBuild("judge", tool, `go.etcd.io/etcd/${tool}/v3`), join(this.#folder, "bin", tool));
    }
  }

  /** The names of the tests that match. */
  async list(pattern: string): Promise<readonly string[]> {
    const { output } = await this.#spawn(["-test.list", pattern], {});
    return output.split("\n").filter((line) => line.startsWith("Test"));
  }

  /** Runs one test to its end; servers that it left behind are ended. */
  async run(name: string, timeoutSeconds: number): Promise<Verdict> {
    const temporary = join(this.#folder, "tmp");
    mkdirSync(temporary, { recursive: true });
    const mark = randomUUID();
    const startedAtMs = performance.now();
    const { code, output } = await this.#spawn(
      ["-test.v", "-test.run", `^${name}$`, "-test.timeout", `${timeoutSeconds}s`],
      {
        TMPDIR: temporary,
        E2E_TEST_MINIMAL: "true",
        // PERF: the tests give a member ten seconds to start; from the compile cache it takes a third.
        NODE_COMPILE_CACHE: join(import.meta.dirname, "..", ".cache", "compile"),
        [marker]: mark,
      },
    );
    endMarked(`${marker}=${mark}`);
    rmSync(temporary, { recursive: true, force: true });
    const [, word = "FAIL"] = new RegExp(`^--- (PASS|SKIP|FAIL): ${name} `, "m").exec(output) ?? [];
    const status =
      code !== 0 ? "failed" : word === "PASS" ? "passed" : word === "SKIP" ? "skipped" : "failed";
    return { status, seconds: (performance.now() - startedAtMs) / 1000, output };
  }

  /** Removes what was made for the runs. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<{ code: number | null; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, [...args, "-bin-dir", join(this.#folder, "bin")], {
        cwd: this.#testsFolder,
        env: { ...process.env, ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
        });
      }
      child.on("error", reject);
      // Not `close`: a server left behind holds the pipes open.
      child.on("exit", (code) => setImmediate(() => resolve({ code, output })));
    });
  }
}

/** Ends the processes that carry the mark in their environment, and no others. */
function endMarked(mark: string): void {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${entry}/environ`, "utf8").split("\0").includes(mark)) {
        process.kill(Number(entry), "SIGKILL");
      }
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // Gone meanwhile, or somebody else's.
      if (code !== "ENOENT" && code !== "EACCES" && code !== "ESRCH" && code !== "EPERM") {
        throw error;
      }
    }
  }
}

/** The ends of a failed test's output: what it complained of, without the servers' log lines. */
export function complaintOf(output: string): string {
  const lines = output
    .split("\n")
    .filter((line) => !/logger\.go:\d+:|^=== |"level":"(debug|info|warn)"/.test(line));
  return lines.slice(-60).join("\n");
}
