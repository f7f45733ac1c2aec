/** Ids are etcd's, cut to 53 bits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterIdOf, idText, memberIdOf } from "../../src/identity/member-id.ts";

test("the id of etcd's default member, 8e9e05c52164694d there, keeps its low 53 bits", () => {
  const id = memberIdOf(["http://localhost:2380"], "etcd-cluster");
  assert.equal(BigInt(id), 0x8e9e05c52164694dn & ((1n << 53n) - 1n));
  assert.equal(idText(id), "1e05c52164694d");
});

test("ids depend on URLs and token, not on their order", () => {
  const both = memberIdOf(["http://a:1", "http://b:1"], "t");
  assert.equal(memberIdOf(["http://b:1", "http://a:1"], "t"), both);
  assert.notEqual(memberIdOf(["http://a:1"], "t"), both);
  assert.notEqual(memberIdOf(["http://a:1", "http://b:1"], "u"), both);
});

test("golden ids of a three-member cluster", () => {
  const ids = [2380, 22380, 32380].map((port) => memberIdOf([`http://127.0.0.1:${port}`], "etcd-cluster"));
  assert.deepEqual(ids.map(idText), goldenMembers);
  assert.equal(idText(clusterIdOf(ids)), goldenCluster);
  assert.equal(clusterIdOf(ids.toReversed()), clusterIdOf(ids));
  for (const id of ids) {
    assert.ok(Number.isSafeInteger(id) && id > 0);
  }
});

const goldenMembers: readonly string[] = ["1f75320dc06a6c", "137febb6b99eee", "8170c800dbcee"];
const goldenCluster = "1a3e24de10e6b1";
