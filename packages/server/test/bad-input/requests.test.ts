/**
 * The list of bad requests: each gets the code and the text that etcd 3.7.3 gave it (recorded), no member ends, and all members hold
 * the same afterwards. `QUORATE_RECORD_ETCD=http://127.0.0.1:2379` records from an etcd that was started for it, with empty data.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { methodKinds } from "@quorate/etcd";
import { create, fromBinary, Maintenance, toBinary } from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient, GrpcError } from "@quorate/grpc";
import { createTestEtcd, eventually, type TestEtcd } from "../../src/testing/index.ts";
import { pathOf } from "../crash/members.ts";
import { type Case, cases, fatalToEtcd, preparation } from "./cases.ts";
import { deep, malformed } from "./malformed.ts";

const goldenPath = join(import.meta.dirname, "../golden/bad-input-etcd-3.7.3.json");
const etcdUrl = process.env["QUORATE_RECORD_ETCD"];

let etcd: TestEtcd;
let client: GrpcClient;

before(async () => {
  etcd = await createTestEtcd({ nodes: 3 });
  client = createGrpcClient((await etcd.leader()).clientUrl);
});

after(async () => {
  client.close();
  await etcd.close();
});

/** `code text`, or `OK`. */
async function outcomeOf(to: GrpcClient, { path, request }: Case): Promise<string> {
  try {
    await to.request(path, request, { timeoutMs: 60_000 });
    return "OK";
  } catch (error) {
    if (error instanceof GrpcError) {
      return `${error.code} ${error.message}`;
    }
    throw error;
  }
}

async function record(url: string): Promise<void> {
  const to = createGrpcClient(url);
  const outcomes: Record<string, string> = {};
  for (const one of [...preparation, ...cases]) {
    outcomes[one.name] = await outcomeOf(to, one);
  }
  to.close();
  writeFileSync(goldenPath, `${JSON.stringify(outcomes, null, 2)}\n`);
}

/** Every member is there, and all hold the same. */
async function assertUnharmed(): Promise<void> {
  const { hashKV } = Maintenance.method;
  await eventually("equal hashes on all members", 60_000, async () => {
    const hashes = await Promise.all(
      etcd.clientUrls.map(async (url) => {
        const to = createGrpcClient(url);
        try {
          const request = toBinary(hashKV.input, create(hashKV.input, {}));
          const { hash, hashRevision } = fromBinary(
            hashKV.output,
            await to.request(pathOf(hashKV), request, { timeoutMs: 60_000 }),
          );
          return `${hash} at ${hashRevision}`;
        } finally {
          to.close();
        }
      }),
    );
    return new Set(hashes).size === 1 ? true : undefined;
  });
}

test("each bad request gets etcd's code and text", { timeout: 300_000 }, async (t) => {
  if (etcdUrl !== undefined) {
    await record(etcdUrl);
  }
  const golden = JSON.parse(readFileSync(goldenPath, "utf8")) as Readonly<Record<string, string>>;
  for (const one of [...preparation, ...cases]) {
    const expected = golden[one.name];
    await t.test(one.name, async () => {
      assert.equal(await outcomeOf(client, one), expected);
    });
  }
  assert.equal(new Set([...preparation, ...cases].map(({ name }) => name)).size, Object.keys(golden).length);
  await assertUnharmed();
});

test("what ends etcd does not end a member here", async () => {
  for (const one of fatalToEtcd) {
    assert.equal(await outcomeOf(client, one), "OK", one.name);
  }
  await assertUnharmed();
});

test("bytes that are no message, to every method with one request: an answer, and no member ends", {
  timeout: 300_000,
}, async () => {
  for (const [path, kind] of methodKinds) {
    if (kind !== "unary" || path.endsWith("/Lock") || path.endsWith("/Campaign")) {
      continue; // Streams; and calls that wait for what will not come.
    }
    for (const [name, request] of [...malformed, ...deep]) {
      const outcome = await outcomeOf(client, { name, path, request });
      assert.doesNotMatch(outcome, /^(4|14) /, `${path}, ${name}: ${outcome}`);
    }
  }
  await assertUnharmed();
});

test("every request cut off at every byte: an answer, and no member ends", { timeout: 300_000 }, async () => {
  for (const { name, path, request } of cases) {
    for (let length = 0; length < Math.min(request.length, 48); length++) {
      const outcome = await outcomeOf(client, { name, path, request: request.subarray(0, length) });
      assert.doesNotMatch(outcome, /^(4|14) /, `${name} cut off at ${length}: ${outcome}`);
    }
  }
  await assertUnharmed();
});
