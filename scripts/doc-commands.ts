/**
 * Commands in documentation run. All blocks of a document that are marked as ```sh runnable form one session of a shell, in an empty
 * folder, with `quorate` on the path; the ports of the documents are replaced by free ones. Those marked as ```sh runnable in checkout
 * form another, typed at the top of a checkout. What a session leaves running is ended.
 *
 *     node scripts/doc-commands.ts [document …]
 */
import { spawn } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, toolEnvironment } from "./lib/root.ts";

/** Longest time that the commands of one document may take. */
const sessionMsMax = 150_000;

/** Where commands are typed: in an empty folder, or at the top of a checkout. */
type DocPlace = "folder" | "checkout";

const marked: Readonly<Record<DocPlace, RegExp>> = {
  folder: /^```sh runnable\n([\s\S]*?)^```$/gm,
  checkout: /^```sh runnable in checkout\n([\s\S]*?)^```$/gm,
};

/** The script of a document: its blocks in order, each with its line for the message of a failure; null where it has none. */
export function sessionOf(path: string, text: string, place: DocPlace = "folder"): string | null {
  const blocks: string[] = [];
  for (const match of text.matchAll(marked[place])) {
    const line = text.slice(0, match.index).split("\n").length + 1;
    blocks.push(`where="${path}:${line}"\n${match[1]}`);
  }
  return blocks.length === 0 ? null : blocks.join("\n");
}

/** The ports that documents name, each with the one after it for peers. */
const documentPorts = [2379, 22_379, 32_379];

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Two free ports next to each other for each pair that documents name. */
async function portPairs(): Promise<Map<number, number>> {
  const pairs = new Map<number, number>();
  let candidate = 12_000 + (process.pid % 4000) * 4;
  for (const port of documentPorts) {
    while (!((await isFree(candidate)) && (await isFree(candidate + 1)))) {
      candidate += 2;
    }
    pairs.set(port, candidate);
    candidate += 2;
  }
  return pairs;
}

/** The ports of the documents in a script, and the ones after them, replaced by those of this session. */
function withPorts(script: string, ports: ReadonlyMap<number, number>): string {
  return script.replaceAll(/(?<=localhost:|127\.0\.0\.1:)\d+/g, (text) => {
    const client = ports.get(Number(text));
    const peer = ports.get(Number(text) - 1);
    return String(client ?? (peer === undefined ? text : peer + 1));
  });
}

/** `quorate` as a reader has it, but with the ports of this session as its defaults. */
function writeProgram(folder: string, ports: ReadonlyMap<number, number>): void {
  const main = join(root, "packages/server/src/main.ts");
  const [first = 0, ...others] = ports.values();
  const client = `http://127.0.0.1:${first}`;
  const peer = `http://127.0.0.1:${first + 1}`;
  const run = `exec "${process.execPath}" --conditions=source "${main}"`;
  const script = [
    "#!/bin/sh",
    'case "$1" in',
    `start) shift; ${run} start --client-ports ${[first, ...others].join(",")} "$@" ;;`,
    `status) shift; ${run} status --endpoints ${client} "$@" ;;`,
    `serve) shift; ${run} serve --listen-client-urls ${client} --advertise-client-urls ${client} --listen-peer-urls ${peer} "$@" ;;`,
    `*) QUORATE_CLIENT_ENDPOINTS="\${QUORATE_CLIENT_ENDPOINTS:-127.0.0.1:${first}}" ${run} "$@" ;;`,
    "esac",
    "",
  ];
  writeFileSync(join(folder, "quorate"), script.join("\n"), { mode: 0o755 });
}

/** Runs one session; null when every command succeeded, else what was printed. */
export async function runSession(script: string, place: DocPlace = "folder"): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-doc-"));
  const bin = join(folder, "bin");
  const work = join(folder, "work");
  mkdirSync(bin);
  mkdirSync(work);
  const ports = await portPairs();
  writeProgram(bin, ports);
  const prologue =
    "set -euo pipefail\ntrap 'code=$?; [ $code = 0 ] || echo \"failed in $where\" >&2; exit $code' EXIT\n";
  const shell = spawn("bash", ["-c", prologue + withPorts(script, ports)], {
    cwd: place === "folder" ? work : root,
    detached: true, // A group of its own, so that everything it started can be ended.
    // Nothing of this process' surroundings, such as the runner of tests, reaches the commands.
    env:
      place === "folder"
        ? { HOME: work, PATH: `${bin}:${process.env["PATH"] ?? ""}` }
        : { HOME: process.env["HOME"], PATH: toolEnvironment()["PATH"] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const timer = setTimeout(() => endGroup(shell.pid), sessionMsMax);
  const code = await new Promise<number | null>((resolve) => shell.once("exit", resolve));
  clearTimeout(timer);
  endGroup(shell.pid);
  rmSync(folder, { recursive: true, force: true });
  return code === 0 ? null : `exit code ${code ?? "none: it took too long"}\n${output}`;
}

function endGroup(pid: number | undefined): void {
  try {
    process.kill(-(pid ?? 0), "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) {
      throw error;
    }
  }
}

async function main(): Promise<number> {
  const named = process.argv.slice(2);
  const paths = named.length > 0 ? named : ["README.md", ...globSync("docs/*.md", { cwd: root }).sort()];
  let failures = 0;
  let sessions = 0;
  for (const path of paths) {
    for (const place of ["folder", "checkout"] as const) {
      const script = sessionOf(path, readFileSync(join(root, path), "utf8"), place);
      const problem = script === null ? null : await runSession(script, place);
      sessions += script === null ? 0 : 1;
      if (problem !== null) {
        failures++;
        console.log(`${path}: ${problem}`);
      }
    }
  }
  console.log(`doc-commands: ${sessions} sessions, ${failures} failed`);
  return failures === 0 && sessions > 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await main();
}
