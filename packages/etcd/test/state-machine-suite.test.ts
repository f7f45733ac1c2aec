/** The contract of a state machine, on the key-value store that the API puts behind Raft. */
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { encodeCommand, type KvResult, KvStateMachine } from "@quorate/kv";
import { stateMachineSuite } from "@quorate/raft/testing";

const put = (key: string, value: string): Uint8Array =>
  encodeCommand({
    type: "put",
    key: utf8Encode(key),
    value: utf8Encode(value),
    lease: 0n,
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  });

stateMachineSuite<KvResult>(test, {
  create: () => new KvStateMachine(),
  commands: [
    put("a", "1"),
    put("b", "2"),
    put("a", "3"),
    encodeCommand({ type: "delete-range", key: utf8Encode("b"), rangeEnd: new Uint8Array(0), prevKv: true }),
    put("c", "4"),
    encodeCommand({ type: "compaction", revision: 3, physical: false }),
  ],
  describe: (result) =>
    JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
});
