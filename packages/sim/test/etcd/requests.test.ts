/** Requests and answers of simulated clients, through the production API: what a client means is what the log gets, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { must, utf8Encode } from "@quorate/base";
import { apiLimitsDefault, EtcdApi } from "@quorate/etcd";
import { encodeCommand, KvStateMachine, type RangeRequest } from "@quorate/kv";
import { type CallEnd, ServedUnaryCall } from "../../src/etcd/client-calls.ts";
import { KvModel } from "../../src/etcd/kv-model.ts";
import { Message, MessageWriter } from "../../src/etcd/protobuf.ts";
import { type ClientCommand, encodeRequest, methodOf } from "../../src/etcd/requests.ts";
import { messageText } from "../../src/etcd/texts.ts";
import { compareOf, deleteOf, putOf, rangeOf, txnOf, valueIs } from "../../src/workloads/requests.ts";

interface Served {
  readonly model: KvModel;
  /** Asks by the wire; returns the commands that came of it, and the answer's text. */
  ask(request: ClientCommand | RangeRequest): {
    readonly commands: readonly Uint8Array[];
    readonly text: string;
  };
}

function serve(): Served {
  const machine = new KvStateMachine();
  const model = new KvModel();
  let commands: Uint8Array[] = [];
  let index = 0;
  const nothing = { cancel: () => {} };
  const api = new EtcdApi({
    replication: {
      submit: (command, done) => {
        index++;
        commands.push(command);
        done({ kind: "applied", index, result: machine.apply(command, { index, term: 1 }) });
        return nothing;
      },
      readBarrier: (done) => {
        done({ kind: "ready" });
        return nothing;
      },
      status: () => ({
        memberId: 1,
        term: 1,
        leader: 1,
        committed: index,
        applied: index,
        isLearner: false,
        leaderSinceMs: 0,
        connectedSinceMs: 0,
      }),
    },
    store: machine,
    membership: { clusterId: 1, members: () => [] },
    defer: { defer: (work) => work() },
    random: { uint32: () => 1 },
    limits: apiLimitsDefault(),
    about: { version: "3.7.0", storageVersion: "3.7.0", quotaBytes: 0 },
    nowMs: 0,
  });
  return {
    model,
    ask(request) {
      const path = methodOf(request);
      const method = must(api.methods.get(path), "test: no such method");
      assert.ok(method.kind === "unary");
      const ends: CallEnd[] = [];
      const wire = { deliver: (_bytes: number, work: () => void) => work(), enter: () => {}, turn: 0 };
      commands = [];
      method.handle(
        encodeRequest(request),
        new ServedUnaryCall({ path, metadata: new Map(), commonName: "" }, wire, (end) => ends.push(end)),
      );
      const [end] = ends;
      assert.ok(end?.kind === "answer", JSON.stringify(end));
      return { commands, text: messageText(request.type, new Message(end.bytes)) };
    },
  };
}

const inner = txnOf([valueIs("e/v", "x", "less")], [deleteOf("e/d", "e/f", true)], [rangeOf("e/p")]);
const writes: readonly ClientCommand[] = [
  { type: "lease-grant", id: 2n ** 40n, ttlSeconds: 5 },
  putOf("e/p", "1", { lease: 2n ** 40n }),
  putOf("e/p", "", { ignoreValue: true, prevKv: true }),
  putOf("e/d", "2", { prevKv: true }),
  txnOf([compareOf("mod", "e/p", 1, "greater"), compareOf("version", "e/p", 2)], [putOf("e/q", "3"), inner]),
  txnOf([compareOf("create", "e/p", 0)], [], [rangeOf("e/", "f"), inner]),
  deleteOf("e/q", "", true),
  { type: "compaction", revision: 3, physical: true },
  { type: "lease-revoke", id: 2n ** 40n, fenceTerm: 0 },
  { type: "auth", op: "role-add", role: "r" },
  {
    type: "auth",
    op: "role-grant-permission",
    role: "r",
    permission: { access: "read-write", key: utf8Encode("a"), rangeEnd: utf8Encode("b") },
  },
  { type: "auth", op: "user-add", user: "u", passwordHash: null },
  { type: "auth", op: "user-grant-role", user: "u", role: "r" },
  { type: "auth", op: "user-revoke-role", user: "u", role: "r" },
];

test("what a client writes stands in the log as it meant it, and is answered as the model does", () => {
  const { ask, model } = serve();
  for (const [place, write] of writes.entries()) {
    const { commands, text } = ask(write);
    assert.deepEqual(commands, [encodeCommand(write)], `${place}: ${write.type}`);
    const at = { index: place + 1, term: 1 };
    const expected = model.apply(write, null, at);
    assert.equal(text, write.type === "lease-grant" ? "lease-grant 1099511627776 5" : expected, write.type);
  }
});

test("what a client reads is what it asked for", () => {
  const { ask, model } = serve();
  for (const [place, write] of [
    putOf("e/a", "9"),
    putOf("e/b", "7"),
    putOf("e/c", "8"),
    putOf("e/a", "1"),
  ].entries()) {
    ask(write);
    model.apply(write, null, { index: place + 1, term: 1 });
  }
  const ranges = [
    rangeOf("e/", "f", { limit: 2 }),
    rangeOf("e/", "f", { sortOrder: "descend", sortTarget: "value", keysOnly: true }),
    rangeOf("e/", "\0", { revision: 3, serializable: true }),
    rangeOf("e/", "f", { countOnly: true }),
    rangeOf("e/", "f", { minModRevision: 3, maxModRevision: 4 }),
    rangeOf("e/", "f", { minCreateRevision: 3, maxCreateRevision: 3 }),
  ];
  for (const range of ranges) {
    const { commands, text } = ask(range);
    assert.deepEqual([commands.length, text], [0, model.range(range, model.revision)]);
  }
});

test("negative and large numbers, and what is not there", () => {
  const message = new Message(
    new MessageWriter()
      .number(2, -1)
      .number(3, 2n ** 52n)
      .text(5, "x")
      .finish(),
  );
  assert.deepEqual([message.number(2), message.number(3), message.text(5)], [-1, 2 ** 52, "x"]);
  assert.deepEqual(
    [message.number(9), message.flag(9), message.text(9), message.message(9)],
    [0, false, "", null],
  );
});
