/** The error table that etcd's clients compare texts with. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { KvError, type KvErrorCode, kvErrors } from "@quorate/kv";

test("63 refusals, each with its own text", () => {
  const texts = Object.values(kvErrors).map((info) => info.text);
  assert.equal(texts.length, 63);
  assert.equal(new Set(texts).size, 63);
  assert.ok(texts.every((text) => text.startsWith("etcdserver: ")));
});

test("codes and texts are the ones clients know", () => {
  const lines = Object.entries(kvErrors).map(([code, { grpc, text }]) => `${code} ${grpc} ${text}`);
  const hash = createHash("sha256").update(lines.join("\n")).digest("hex");
  assert.equal(hash, "79488ced7365408e0c862ad01df579c8234dff4c37673f325143543bda557d84");
  const sample: readonly [KvErrorCode, number, string][] = [
    ["KV_EMPTY_KEY", 3, "etcdserver: key is not provided"],
    ["KV_COMPACTED", 11, "etcdserver: mvcc: required revision has been compacted"],
    ["KV_FUTURE_REV", 11, "etcdserver: mvcc: required revision is a future revision"],
    ["KV_NO_SPACE", 8, "etcdserver: mvcc: database space exceeded"],
    ["KV_LEASE_NOT_FOUND", 5, "etcdserver: requested lease not found"],
    ["KV_INVALID_AUTH_TOKEN", 16, "etcdserver: invalid auth token"],
    ["KV_NO_LEADER", 14, "etcdserver: no leader"],
  ];
  for (const [code, grpc, text] of sample) {
    const error = new KvError(code);
    assert.deepEqual([error.grpc, error.message], [grpc, text]);
  }
});
