/** `quorate start` as a process: three members, ready-to-paste lines, a clean end; and its members' troubles. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { eventually, freePorts } from "../../src/testing/index.ts";
import { mainFile } from "../cli/run.ts";

interface Started {
  readonly child: ChildProcess;
  readonly ports: readonly number[];
  stdout: string;
  stderr: string;
}

async function start(folder: string, ports?: readonly number[]): Promise<Started> {
  const clientPorts = ports ?? (await freePorts(3, 2));
  const child = spawn(
    process.execPath,
    ["--conditions=source", mainFile, "start", `--data-dir=${folder}`, `--client-ports=${clientPorts}`],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const started: Started = { child, ports: clientPorts, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    started.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    started.stderr += text;
  });
  return started;
}

/** Waits until the cluster stands; a start that fails says why at once. */
async function linesToPaste(started: Started): Promise<void> {
  await eventually("the lines to paste", 60_000, () => {
    assert.equal(started.child.exitCode, null, started.stderr);
    return started.stdout.includes("Ctrl-C") || undefined;
  });
}

async function end(started: Started, signal: NodeJS.Signals): Promise<number | null> {
  const closed = once(started.child, "close");
  started.child.kill(signal);
  const [code] = (await closed) as [number | null];
  return code;
}

async function isDown(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/version`).then(
    () => false,
    () => true,
  );
}

test("it says who leads and what to paste, Ctrl-C stops all, and data is kept", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-start-"));
  try {
    let ports: readonly number[] | undefined;
    for (const life of ["first", "second"]) {
      const started = await start(folder, ports);
      ports = started.ports;
      await linesToPaste(started);
      const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
      assert.match(started.stdout, /^m[123] leads a cluster of 3; data and logs in /);
      assert.ok(
        started.stdout.includes(`  etcdctl --endpoints=${hosts} put greeting hello\n`),
        started.stdout,
      );
      assert.match(started.stdout, /^ {2}curl http:\/\/127\.0\.0\.1:\d+\/health$/m);
      const client = new EtcdClient(`127.0.0.1:${ports[0]}`);
      if (life === "first") {
        await client.put(utf8Encode("kept"), utf8Encode("yes"));
      }
      assert.equal((await client.range({ key: utf8Encode("kept") })).length, 1, life);
      client.close();
      assert.equal(await end(started, "SIGINT"), 0, started.stderr);
      assert.equal(started.stderr, "");
      for (const port of ports) {
        assert.equal(await isDown(port), true);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a member that dies is reported, the others go on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-start-"));
  const started = await start(folder);
  try {
    await linesToPaste(started);
    const [port = 0, second = 0] = started.ports;
    const page: unknown = await (await fetch(`http://127.0.0.1:${port}/status`)).json();
    const { pid } = page as { pid: number };
    assert.ok(pid > 0);
    process.kill(pid, "SIGKILL");
    await eventually(
      "the report",
      5000,
      () => started.stderr.includes("member m1 ended by SIGKILL") || undefined,
    );
    assert.match(started.stderr, /^quorate: member m1 ended by SIGKILL: see .*m1\.log; 2 still run\n$/);
    assert.equal(await isDown(second), false);
    assert.equal(await end(started, "SIGTERM"), 0);
  } finally {
    started.child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a damaged member is one line, and nothing is left running", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-start-"));
  try {
    const first = await start(folder);
    await linesToPaste(first);
    assert.equal(await end(first, "SIGINT"), 0);
    assert.ok(existsSync(join(folder, "m2", "member.json")));
    writeFileSync(join(folder, "m2", "member.json"), "{}");
    const again = await start(folder, first.ports);
    const [code] = (await once(again.child, "close")) as [number | null];
    assert.equal(code, 1);
    assert.match(again.stderr, /^quorate: member m2 ended: .*m2\/member\.json is damaged: restore .*\n$/);
    for (const port of first.ports) {
      assert.equal(await isDown(port), true);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
