/**
 * A part of etcd's own black-box tests, chosen to touch every service within a few minutes; `node scripts/judge.ts` runs all of
 * them. Half of what each does runs on one member in clear, half on three with TLS for clients and peers.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withoutGo } from "./go.ts";
import { complaintOf, Judge } from "./judge.ts";

const names = [
  "TestKVPut",
  "TestKVGet",
  "TestKVGetStream",
  "TestKVDelete",
  "TestTxnSucc",
  "TestTxnFail",
  "TestWatch",
  "TestCompact",
  "TestLeaseGrantTimeToLive",
  "TestLeaseGrantKeepAliveOnce",
  "TestLeaseGrantRevoke",
  "TestMemberList",
  "TestEndpointStatus",
  "TestEndpointHashKV",
  "TestDefragOnline",
  "TestAlarm",
  "TestAuthEnable",
  "TestAuthTxn",
  "TestUserAdd_Simple",
  "TestRoleAdd_Simple",
];
// A test takes seconds; the machine may be busy.
const timeoutSeconds = 120;

let judge: Judge | undefined;

before(() => {
  judge = withoutGo === false ? new Judge() : undefined;
});

after(() => {
  judge?.close();
});

for (const name of names) {
  test(`etcd's ${name}`, { skip: withoutGo, timeout: 2.5 * timeoutSeconds * 1000 }, async () => {
    assert.ok(judge !== undefined);
    let verdict = await judge.run(name, timeoutSeconds);
    if (verdict.status === "failed") {
      verdict = await judge.run(name, timeoutSeconds); // They wait for fixed times, so a busy machine fails them.
    }
    assert.equal(verdict.status, "passed", complaintOf(verdict.output));
  });
}
