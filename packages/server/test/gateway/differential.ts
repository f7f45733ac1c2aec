/**
 * Asks etcd what the tests of the JSON gateway ask, and compares the answers with those that are recorded, or records them anew:
 *
 *     node --conditions=source packages/server/test/gateway/differential.ts --etcd /path/to/etcd [--record]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "@quorate/raft-node/testing";
import { ask, type GatewayAnswer } from "./ask.ts";
import { gatewayRequests } from "./requests.ts";

const goldenFile = join(import.meta.dirname, "../golden/gateway-etcd-3.7.3.json");
const { values } = parseArgs({
  options: { etcd: { type: "string" }, record: { type: "boolean", default: false } },
});
if (values.etcd === undefined) {
  throw new Error("--etcd: say where the program is");
}
const folder = mkdtempSync(join(tmpdir(), "quorate-differential-"));
const [client = 0, peer = 0] = await freePorts(2);
const url = (port: number): string => `http://127.0.0.1:${port}`;
const etcd: ChildProcess = spawn(
  values.etcd,
  [
    ["--name", "r", "--data-dir", folder, "--log-level", "error"],
    ["--listen-client-urls", url(client), "--advertise-client-urls", url(client)],
    ["--listen-peer-urls", url(peer), "--initial-advertise-peer-urls", url(peer)],
    ["--initial-cluster", `r=${url(peer)}`],
  ].flat(),
  { stdio: "ignore" },
);
try {
  await serving();
  const answers: GatewayAnswer[] = [];
  for (const asked of gatewayRequests) {
    answers.push(await ask(client, asked));
  }
  if (values.record) {
    writeFileSync(goldenFile, `[\n${answers.map((answer) => JSON.stringify(answer)).join(",\n")}\n]\n`);
  } else {
    compare(answers, JSON.parse(readFileSync(goldenFile, "utf8")) as GatewayAnswer[]);
  }
} finally {
  etcd.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

async function serving(): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await ask(client, { path: "/health", method: "GET" }).catch(() => null);
    if (answer?.status === 200) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("etcd does not serve");
}

function compare(answers: readonly GatewayAnswer[], recorded: readonly GatewayAnswer[]): void {
  let differing = 0;
  for (const [i, answer] of answers.entries()) {
    if (JSON.stringify(answer) !== JSON.stringify(recorded[i])) {
      differing++;
      process.stdout.write(
        `${gatewayRequests[i]?.path}: ${JSON.stringify(recorded[i])} is now ${JSON.stringify(answer)}\n`,
      );
    }
  }
  process.stdout.write(`${answers.length} answers, ${differing} differ\n`);
  process.exitCode = differing === 0 ? 0 : 1;
}
