/** What went wrong in etcd with access control: the same order of events, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver, del, put, readImage, restored } from "../support/requests.ts";

// etcd #14571: access control was switched on while a member was away; it came back by a snapshot and kept the old switch in memory. From then on it let through what the others refused, and its data differed.
// Here rights are part of the state and of its image, and are asked where an entry is applied: whoever holds the image refuses alike.
test("etcd #14571: a member that learnt of access control by a snapshot refuses what the others refuse", () => {
  const leader = new Driver();
  leader.applyAs({ kind: "server" }, put("k", "open"));
  const server = { kind: "server" } as const;
  for (const action of [
    { op: "user-add", user: "root", passwordHash: "$2b$04$root" },
    { op: "user-grant-role", user: "root", role: "root" },
    { op: "user-add", user: "alice", passwordHash: "$2b$04$alice" },
    { op: "enable" },
  ] as const) {
    assert.equal(leader.applyAs(server, { type: "auth", ...action }).type, "auth");
  }
  const back = new Driver(restored(readImage(leader.machine, 1000)));
  const authRevision = leader.machine.auth.revision;
  const alice = { kind: "user", name: "alice", authRevision } as const;
  for (const member of [leader, back]) {
    assert.equal(member.applyAs(null, put("k", "nobody")).type, "refused");
    assert.equal(member.applyAs(alice, put("k", "alice")).type, "refused");
    assert.equal(member.applyAs(alice, del("k")).type, "refused");
    assert.equal(member.applyAs(server, put("k", "server")).type, "put");
  }
  assert.equal(back.machine.revision, leader.machine.revision);
  assert.deepEqual(back.machine.hashKv(), leader.machine.hashKv());
});
