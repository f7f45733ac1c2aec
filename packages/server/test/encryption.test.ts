/** `--encryption-key-file` and `quorate wal dump` on a store that a server's keys encrypted. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RaftNode, readKeyFile } from "@quorate/raft-node";
import { CommandError } from "../src/cli/exit-code.ts";
import { runWalDump } from "../src/cli/run-wal-dump.ts";
import { readKeys } from "../src/config/key-file.ts";

const line = (id: number): string => `${id} ${String(id).padStart(2, "0").repeat(32)}\n`;

async function dump(dataDir: string, keyFile: string | null): Promise<{ code: number; text: string }> {
  const write = process.stdout.write;
  const lines: string[] = [];
  process.stdout.write = (chunk: string | Uint8Array): boolean => lines.push(String(chunk)) > 0;
  try {
    const code = await runWalDump({ dataDir, json: false, keyFile });
    return { code, text: lines.join("") };
  } finally {
    process.stdout.write = write;
  }
}

test("wal dump names the keys that a directory needs, without them, and tries those it is given", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-dump-"));
  const keyFile = join(folder, "keys");
  const dataDir = join(folder, "data");
  const put = (text: string): void => {
    writeFileSync(keyFile, text);
    chmodSync(keyFile, 0o600);
  };
  try {
    put(line(1) + line(7));
    const node = await RaftNode.start<string, number>({
      id: 1,
      dataDir,
      listen: "127.0.0.1:0",
      peers: { 1: "127.0.0.1:0" },
      tickMs: 5,
      segmentBytes: 64 * 1024,
      encryption: readKeyFile(keyFile),
      stateMachine: { apply: (text) => text.length, snapshot: () => 0, restore: () => {} },
    });
    await node.waitForLeader();
    await node.propose("a secret");
    await node.stop();
    const blind = await dump(dataDir, null);
    assert.equal(blind.code, 0);
    assert.match(blind.text, /entry \d+\/\d+ \d+ bytes key 7\n/);
    assert.match(blind.text, /0 damaged, 0 torn, needs keys 7\n$/);
    assert.doesNotMatch(blind.text, /secret/);
    assert.equal((await dump(dataDir, keyFile)).code, 0);
    put(line(1));
    const wrong = await dump(dataDir, keyFile);
    assert.equal(wrong.code, 1);
    assert.match(wrong.text, /does not open: STORAGE_KEY keyId=7/);
    assert.match(wrong.text, /\d+ entries do not open\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a key file that cannot be used is a usage error that shows no key", () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-keys-"));
  const keyFile = join(folder, "keys");
  const failsWith = (text: string, mode: number, expected: RegExp): void => {
    writeFileSync(keyFile, text);
    chmodSync(keyFile, mode);
    assert.throws(
      () => readKeys(keyFile),
      (error) => {
        assert.ok(error instanceof CommandError && error.code === 2, String(error));
        assert.match(error.message, expected);
        assert.doesNotMatch(error.message, /0101/);
        return true;
      },
    );
  };
  try {
    failsWith(line(1), 0o644, /mode 644/);
    failsWith(line(1) + line(1), 0o600, /two keys have the id 1/);
    failsWith("key\n", 0o600, /:1: not an id/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
