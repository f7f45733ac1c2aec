/** What the tests of recovery share: writing, reading one member's copy, damaging its disk. */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { utf8Decode, utf8Encode } from "@quorate/base";
import { NodeFileSystem } from "@quorate/raft-node";
import { readWal } from "@quorate/wal";
import { EtcdClient, prefixEnd } from "../../src/client/etcd-client.ts";
import { eventually, type ProcessCluster, type ProcessMember } from "../../src/testing/index.ts";

const prefix = "key/";
// The number of an entry among the kinds of records.
const entryRecord = 2;

/** Writes `count` keys through one member; what was acknowledged. */
export async function putMany(member: ProcessMember, count: number, name = ""): Promise<Map<string, string>> {
  const client = new EtcdClient(member.clientUrl, 20_000);
  const written = new Map<string, string>();
  try {
    for (let i = 0; i < count; i++) {
      const key = `${prefix}${name}${String(i).padStart(5, "0")}`;
      await client.put(utf8Encode(key), utf8Encode(`value of ${key}`));
      written.set(key, `value of ${key}`);
    }
  } finally {
    client.close();
  }
  return written;
}

/** Everything that one member holds, after a linearizable read there. */
export async function readCopy(member: ProcessMember): Promise<Map<string, string>> {
  return eventually(`a read from ${member.name}`, 20_000, async () => {
    const client = new EtcdClient(member.clientUrl, 2000);
    try {
      await client.range({ key: utf8Encode("fence") });
      const kvs = await client.range({
        key: utf8Encode(prefix),
        rangeEnd: prefixEnd(prefix),
        serializable: true,
      });
      return new Map(kvs.map(({ key, value }) => [utf8Decode(key) ?? "", utf8Decode(value) ?? ""]));
    } catch {
      return undefined; // No leader yet: asked again.
    } finally {
      client.close();
    }
  });
}

/** The folder of a member's log. */
export function storeOf(member: ProcessMember): string {
  return join(member.dataDir, "member");
}

/** Flips a bit of the length field of the entry in the middle of the log, as a rotten sector would; returns the entry's index. */
export async function flipBitInLog(member: ProcessMember): Promise<number> {
  const entries: { readonly file: string; readonly offset: number; readonly index: number }[] = [];
  await new Promise<void>((resolve, reject) => {
    readWal(
      new NodeFileSystem(storeOf(member)),
      (fact) => {
        if (fact.kind === "record" && fact.record.type === entryRecord) {
          entries.push({ file: fact.file, offset: fact.record.offset, index: fact.record.index });
        }
      },
      (error) => (error === null ? resolve() : reject(error)),
    );
  });
  const middle = entries[Math.floor(entries.length / 2)];
  assert.ok(middle !== undefined, "the log has entries");
  const path = join(storeOf(member), middle.file);
  const byte = readFileSync(path)[middle.offset] ?? 0;
  const handle = openSync(path, "r+");
  writeSync(handle, Uint8Array.of(byte ^ 4), 0, 1, middle.offset);
  closeSync(handle);
  return middle.index;
}

/** Runs a part of a test; its failure comes with the ends of all logs. */
export async function within(cluster: ProcessCluster, part: () => Promise<void>): Promise<void> {
  try {
    await part();
  } catch (error) {
    throw new Error(`${String(error)}\n${cluster.logs()}`, { cause: error });
  }
}
