/** Unix sockets: served and called, left behind by the dead and replaced, never taken from the living, never another kind of file. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createGrpcClient, createGrpcServer, type GrpcServer } from "@quorate/grpc";

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-unix-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function echo(): GrpcServer {
  const server = createGrpcServer({ limits: { connectionsPerHostMax: 1 } });
  server.register("/test.Echo/Say", { kind: "unary", handle: (request, call) => call.respond(request) });
  return server;
}

async function callAt(file: string): Promise<number> {
  const client = createGrpcClient(`unix://${file}`, { connectTimeoutMs: 5000 });
  try {
    return (await client.request("/test.Echo/Say", Uint8Array.of(7), { timeoutMs: 20_000 }))[0] ?? -1;
  } finally {
    client.close();
  }
}

test("calls go through a unix socket, as many as there are clients on this machine, and its file goes with the server", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "localhost:2379");
    const server = echo();
    await server.listenAtFile(file);
    assert.deepEqual(await Promise.all([callAt(file), callAt(file), callAt(file)]), [7, 7, 7]);
    await server.close({ graceMs: 1000 });
    assert.equal(existsSync(file), false);
    await assert.rejects(callAt(file), { code: 14 });
  });
});

test("a socket that a killed process left is replaced; one that is served is not, nor is any other file", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "s");
    const program = `require("node:net").createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, "SIGKILL"))`;
    assert.equal(spawnSync(process.execPath, ["-e", program]).signal, "SIGKILL");
    assert.ok(existsSync(file), "nothing was left behind");
    const first = echo();
    await first.listenAtFile(file);
    const second = echo();
    await assert.rejects(second.listenAtFile(file), { code: "EADDRINUSE" });
    assert.equal(await callAt(file), 7, "the first one goes on");
    const text = join(folder, "notes.txt");
    writeFileSync(text, "precious");
    await assert.rejects(second.listenAtFile(text), { code: "EADDRINUSE" });
    assert.equal(readFileSync(text, "utf8"), "precious");
    await assert.rejects(second.listenAtFile(join(folder, "no", "s")), { code: "EACCES" });
    await Promise.all([first, second].map((server) => server.close({ graceMs: 100 })));
  });
});
