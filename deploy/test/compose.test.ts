/** deploy/compose.yaml for real: built, started, stopped and started again, one and all, and a fourth instance. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeBaseImage, must, prepareEngine, run } from "./engine.ts";

const problem = prepareEngine();
const skip = problem === null ? false : `no containers: ${problem}`;
const base = "localhost/quorate-test-base";
const image = "localhost/quorate-test-instance";
const project = "quorate-test";

interface Status {
  readonly id: number;
  readonly leader: number;
  readonly voters: readonly number[];
}

function compose(args: readonly string[]): string {
  process.env["IMAGE"] = image;
  const files = ["-f", "deploy/compose.yaml", "-f", "deploy/compose.instance4.yaml"];
  return must("python3", ["-m", "podman_compose", "-p", project, ...files, ...args]);
}

function container(id: number): string {
  return `${project}_raft${id}_1`;
}

/** The page of an instance; null when it does not answer, as while it starts. */
async function page(id: number, path: string, init: RequestInit = {}): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${8000 + id}${path}`, {
      ...init,
      signal: AbortSignal.timeout(6000),
    });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // Asked again, until the deadline.
  }
}

async function eventually<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 40_000;
  for (;;) {
    const found = await probe();
    if (found !== null) {
      return found;
    }
    if (performance.now() > deadline) {
      const logs = [1, 2, 3, 4].map((id) => run("podman", ["logs", "--tail", "15", container(id)]).output);
      throw new Error(`not in time: ${what}\n${logs.join("\n")}`);
    }
    await delay(200);
  }
}

/** The leader that all of `ids` name. */
function leaderOf(ids: readonly number[]): Promise<number> {
  return eventually(`instances ${ids} name one leader`, async () => {
    const pages = await Promise.all(ids.map((id) => page(id, "/status")));
    const leaders = pages.map((text) => (text === null ? 0 : (JSON.parse(text) as Status).leader));
    const [leader = 0] = leaders;
    return leader !== 0 && leaders.every((other) => other === leader) ? leader : null;
  });
}

function write(id: number, value: string): Promise<string> {
  return eventually(`instance ${id} takes a write`, () => page(id, "/value", { method: "PUT", body: value }));
}

async function read(id: number): Promise<string> {
  const text = await eventually(`instance ${id} answers a read`, () => page(id, "/value"));
  return (JSON.parse(text) as { value: string }).value;
}

before(() => {
  if (problem === null) {
    makeBaseImage(base);
    process.env["ENGINE"] = "podman";
    process.env["BASE"] = base;
    process.env["IMAGE"] = image;
    must("sh", ["deploy/build.sh"]);
    compose(["up", "-d", "raft1", "raft2", "raft3"]);
  }
});

after(() => {
  if (problem === null) {
    run("podman", ["rm", "--force", "--time", "0", ...[1, 2, 3, 4].map(container)]);
    run("python3", ["-m", "podman_compose", "-p", project, "-f", "deploy/compose.yaml", "down", "-v"]);
    run("podman", ["volume", "rm", "--force", ...[1, 2, 3, 4].map((id) => `${project}_raft${id}`)]);
  }
});

test("each instance greets and names the same leader", { skip }, async () => {
  await leaderOf([1, 2, 3]);
  for (const id of [1, 2, 3]) {
    assert.match((await page(id, "/")) ?? "", new RegExp(`Hello from instance ${id}`));
  }
  assert.equal(must("podman", ["exec", container(1), "node", "-p", "process.getuid()"]).trim(), "1000");
  assert.equal(run("podman", ["healthcheck", "run", container(1)]).code, 0);
});

test("one container is stopped: another leads; started again it has its data and follows", {
  skip,
}, async () => {
  await write(1, "first");
  const old = await leaderOf([1, 2, 3]);
  const others = [1, 2, 3].filter((id) => id !== old);
  must("podman", ["stop", "--time", "10", container(old)]);
  const next = await leaderOf(others);
  assert.notEqual(next, old);
  await write(others[0] ?? 0, "second");
  must("podman", ["start", container(old)]);
  await leaderOf([1, 2, 3]);
  assert.equal(await read(old), "second");
});

test("all containers are killed and started again: nothing is lost", { skip }, async () => {
  const all = [1, 2, 3].map(container);
  must("podman", ["kill", ...all]);
  must("podman", ["start", ...all]);
  await leaderOf([1, 2, 3]);
  assert.equal(await read(2), "second");
});

test("a fourth instance joins by the same pattern, and survives a restart", { skip }, async () => {
  compose(["up", "-d", "raft4"]);
  await eventually("the fourth votes", async () => {
    const text = await page(4, "/status");
    return text !== null && (JSON.parse(text) as Status).voters.join() === "1,2,3,4" ? text : null;
  });
  assert.equal(await read(4), "second");
  must("podman", ["kill", container(4)]);
  must("podman", ["start", container(4)]);
  await leaderOf([1, 2, 3, 4]);
  assert.equal(await read(4), "second");
});
