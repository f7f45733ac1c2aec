/** S4 of the checklist as plain processes, by the variables of deploy/compose.yaml. The containers themselves: `npm run test:deploy`. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { root, toolEnvironment } from "../../../scripts/lib/root.ts";
import { recordRun } from "../../support/record.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-s4-"));
const running = new Map<number, ChildProcess>();
const [base = 0] = await freePorts(1, 5);
after(async () => {
  await Promise.all([...running.keys()].map((id) => end(id, "SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

function variables(id: number): Record<string, string> {
  const peers = [1, 2, 3].filter((peer) => peer !== id);
  return {
    ID: String(id),
    PEER_IDS: peers.join(","),
    PORT: String(base + id),
    RPC_CLIENTS_PORTS: peers.map((peer) => base + peer).join(","),
    ...(id === 4 ? { JOIN: "true" } : {}),
  };
}

function start(id: number): void {
  const env = {
    ...toolEnvironment(),
    ...variables(id),
    HOST_PATTERN: "127.0.0.1",
    DATA_DIR: join(folder, String(id)),
  };
  running.set(id, spawn(process.execPath, [join(root, "deploy/instance.ts")], { env, stdio: "ignore" }));
}

async function end(id: number, signal: NodeJS.Signals): Promise<number | null> {
  const child = running.get(id);
  running.delete(id);
  if (child === undefined || child.exitCode !== null) {
    return child?.exitCode ?? null;
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.kill(signal);
  return ended;
}

async function page(id: number, path: string, init: RequestInit = {}): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${base + id}${path}`, {
      ...init,
      signal: AbortSignal.timeout(6000),
    });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // Asked again, until the deadline.
  }
}

async function eventually<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
  const untilMs = performance.now() + 30_000;
  for (;;) {
    const found = await probe();
    if (found !== null) {
      return found;
    }
    if (performance.now() > untilMs) {
      throw new Error(`not in time: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function leaderOf(ids: readonly number[]): Promise<number> {
  return eventually(`instances ${ids} name one leader`, async () => {
    const pages = await Promise.all(ids.map((id) => page(id, "/status")));
    const leaders = pages.map((text) =>
      text === null ? 0 : (JSON.parse(text) as { leader: number }).leader,
    );
    const [leader = 0] = leaders;
    return leader !== 0 && leaders.every((other) => other === leader) ? leader : null;
  });
}

test("S4.2 each instance greets; one stops, another leads; it comes back with its data; a fourth joins", async (t) => {
  for (const id of [1, 2, 3]) {
    start(id);
  }
  const old = await leaderOf([1, 2, 3]);
  assert.match((await page(1, "/")) ?? "", /Hello from instance 1/);
  recordRun({
    item: "S4.2",
    command: [1, 1, 2]
      .map((id, i) => ported(`curl 127.0.0.1:${base + id}${i === 0 ? "/" : "/status"}`))
      .join("; "),
    output: [await page(1, "/"), await page(1, "/status"), await page(2, "/status")].join(""),
    test: t,
  });
  await eventually("a write", () => page(2, "/value", { method: "PUT", body: "kept" }));
  assert.equal(await end(old, "SIGTERM"), 0);
  const others = [1, 2, 3].filter((id) => id !== old);
  const next = await leaderOf(others);
  assert.notEqual(next, old);
  start(old);
  await leaderOf([1, 2, 3]);
  assert.match(await eventually("its data", () => page(old, "/value")), /"kept"/);
  await Promise.all([1, 2, 3].map((id) => end(id, "SIGKILL")));
  for (const id of [1, 2, 3, 4]) {
    start(id);
  }
  const joined = await eventually("the fourth votes", async () => {
    const text = await page(4, "/status");
    return text?.includes('"voters":[1,2,3,4]') === true ? text : null;
  });
  assert.match(await eventually("the data", () => page(4, "/value")), /"kept"/);
  const shown = Object.entries({ ...variables(4), HOST_PATTERN: "127.0.0.1", DATA_DIR: join(folder, "4") });
  recordRun({
    item: "S4.1",
    command: `${shown.map(([name, value]) => `${name}=${ported(value)}`).join(" ")} node deploy/instance.ts &\ncurl 127.0.0.1:PORT/status`,
    output: joined,
    test: t,
  });
});

/** Ports that were drawn for the test, by a word. */
function ported(text: string): string {
  return text.replaceAll(/\b\d{4,5}\b/g, "PORT");
}

test("S4.3 libraries and services are packages of their own", (t) => {
  const packages = globSync("packages/*/package.json", { cwd: root })
    .map((path) => path.split("/")[1] ?? "")
    .sort();
  for (const name of ["raft", "wal", "raft-node", "server"]) {
    assert.ok(packages.includes(name), name);
  }
  recordRun({ item: "S4.3", command: "ls packages", output: packages.join("\n"), test: t });
});
