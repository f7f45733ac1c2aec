/** docs/etcd-compat.md has a row for each method, and says absent exactly where the server does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { methodKinds } from "@quorate/etcd";
import { FakeStream, Member } from "./fixture.ts";

const page = readFileSync(join(import.meta.dirname, "../../../../docs/etcd-compat.md"), "utf8");
const rows = new Map(
  Array.from(
    page.matchAll(/^\| `(\/[^`]+)` \| (\w+) \| (.*)\|$/gm),
    ([, path = "", state = "", note = ""]) => [path, { state, note: note.trim() }],
  ),
);

/** Ports that a server has; what they would do is of no interest here. */
function servedMember(): Member {
  const cancel = { cancel: () => {} };
  return new Member({
    passwords: { hash: () => cancel, compare: () => cancel },
    createDigest: () => ({ update: () => {}, digest: () => new Uint8Array(32) }),
    reconfiguration: {
      confIndex: 1,
      newMemberId: () => 1,
      change: () => cancel,
      connectedSinceMs: () => null,
      progress: () => null,
      moveLeader: () => cancel,
    },
  });
}

test("a row for each method, none beside; differences are explained", () => {
  assert.deepEqual([...rows.keys()].toSorted(), [...methodKinds.keys()].toSorted());
  for (const [path, { note, state }] of rows) {
    assert.ok(["same", "differs", "absent"].includes(state), `${path}: ${state}`);
    assert.ok(state !== "differs" || note !== "", `${path} differs, but how?`);
  }
});

test("absent is what answers UNIMPLEMENTED", () => {
  for (const path of methodKinds.keys()) {
    const member = servedMember();
    const method = member.api.methods.get(path);
    const call = new FakeStream(path);
    if (method?.kind === "bidi") {
      method.handle(call);
    } else {
      method?.handle(new Uint8Array(0), call);
    }
    assert.equal(call.failure?.code === 12, rows.get(path)?.state === "absent", path);
  }
});
