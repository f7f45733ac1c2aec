/** Three instances of the service as real processes: the counter everywhere, the job on one of them at a time. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { ExampleProcess, eventually, runExample } from "../../support/processes.ts";

const close = { connection: "close" };

async function get(port: number, path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: close });
  return (await response.json()) as Record<string, unknown>;
}

async function add(port: number, amount: unknown): Promise<{ status: number; value: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}/add`, {
    method: "POST",
    headers: { ...close, "content-type": "application/json" },
    body: JSON.stringify({ amount }),
  });
  return { status: response.status, value: ((await response.json()) as { value?: unknown }).value };
}

/** The number of the latest job in what an instance printed; 0 before the first. */
function lastJob(output: string): number {
  return Number(/.*ran job (\d+)\n/s.exec(output)?.[1] ?? 0);
}

test("three instances agree, one of them runs the job, another takes it over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-embed-"));
  const ports = await freePorts(6);
  const peers = [1, 2, 3].map((id) => `${id}=127.0.0.1:${ports[id + 2]}`).join(" ");
  const running = new Map<number, ExampleProcess>();
  // Leadership may move at any time on a busy machine: who ran a later job than `job` leads, or did a moment ago.
  const whoRuns = async (job: number): Promise<number> => {
    const latest = (): [number, number] =>
      [...running]
        .map(([id, { output }]): [number, number] => [lastJob(output), id])
        .reduce((left, right) => (left[0] > right[0] ? left : right));
    await eventually("somebody runs the next job", () => latest()[0] > job);
    return latest()[1];
  };
  try {
    for (const id of [1, 2, 3]) {
      const instance = new ExampleProcess("embed/main.ts", [], {
        ID: String(id),
        PORT: String(ports[id - 1]),
        PEERS: peers,
        DATA_DIR: join(folder, String(id)),
        JOB_INTERVAL_MS: "100",
      });
      running.set(id, instance);
      await instance.printed(/serves on/);
    }
    const port = (id: number): number => ports[id - 1] ?? 0;
    await eventually("a leader", async () => (await get(port(1), "/health"))["leader"] !== 0);
    assert.deepEqual(await add(port(1), 2), { status: 200, value: 2 });
    assert.deepEqual(await add(port(2), 3), { status: 200, value: 5 });
    assert.deepEqual(await get(port(3), "/value"), { value: 5 });
    assert.equal((await add(port(1), "much")).status, 400);

    const leader = await whoRuns(0);
    const last = running.get(leader);
    assert.equal(await last?.stop(), 0, "Ctrl-C is an orderly end");
    running.delete(leader);
    const next = await whoRuns(lastJob(last?.output ?? ""));
    assert.notEqual(next, leader);
    const jobs = [...running.values(), last].flatMap((one) => one?.output.match(/ran job \d+/g) ?? []);
    assert.equal(new Set(jobs).size, jobs.length, "each job once, by one of them");
  } finally {
    await Promise.all([...running.values()].map((instance) => instance.stop("SIGKILL")));
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a variable that is wrong is one line and exit code 2, a port in use 1", async () => {
  for (const [variables, message] of [
    [{ ID: "7" }, "PEERS does not name ID 7"],
    [{ ID: "one" }, 'ID "one" is not a whole number of at least 1'],
    [{ PORT: "70000" }, "PORT 70000 is no port"],
    [{ JOB_INTERVAL_MS: "x" }, 'JOB_INTERVAL_MS "x" is not a whole number of at least 1'],
    [{ PEERS: "abc" }, 'PEERS: "abc" is not ID=HOST:PORT, or names an instance twice'],
    [{ PEERS: "1=a:1 1=a:2" }, 'PEERS: "1=a:2" is not ID=HOST:PORT, or names an instance twice'],
    [{ PEERS: "1=a:1 2=a:1" }, 'PEERS: "2=a:1" is not ID=HOST:PORT, or names an instance twice'],
  ] as const) {
    const wrong = await runExample("embed/main.ts", [], variables);
    assert.deepEqual(wrong, { code: 2, output: `embed: ${message}\n` });
  }
  const folder = mkdtempSync(join(tmpdir(), "quorate-embed-"));
  const [port = 0, peer = 0] = await freePorts(2);
  const blocker = createServer().listen(port, "127.0.0.1");
  const taken = await runExample("embed/main.ts", [], {
    PORT: String(port),
    PEERS: `1=127.0.0.1:${peer}`,
    DATA_DIR: folder,
  });
  blocker.close();
  rmSync(folder, { recursive: true, force: true });
  assert.equal(taken.code, 1);
  assert.match(taken.output, /^embed: .*EADDRINUSE.*\n$/);
});
