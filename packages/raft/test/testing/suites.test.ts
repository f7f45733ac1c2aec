/** The contract suites on the ports in memory. */
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import {
  MemoryNetwork,
  MemoryStorage,
  RecordingMachine,
  stateMachineSuite,
  storageSuite,
  suiteVoters,
  transportSuite,
} from "@quorate/raft/testing";

storageSuite(test, async () => {
  let storage = new MemoryStorage({ voters: suiteVoters });
  return {
    open: async () => {
      storage = storage.reopen();
      return storage;
    },
    tellsGone: true,
    dispose: async () => {},
  };
});

transportSuite(test, async () => {
  const network = new MemoryNetwork({ defer: (work) => void setImmediate(work) });
  const [left, right] = [toNodeId(1), toNodeId(2)];
  return {
    left: { id: left, transport: network.connect(left) },
    right: { id: right, transport: network.connect(right) },
    until: async (condition) => {
      for (let turn = 0; !condition(); turn++) {
        if (turn > 10_000) {
          throw new Error("the condition never held");
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    tellsGone: true,
    dispose: async () => {},
  };
});

stateMachineSuite(test, {
  create: () => new RecordingMachine(),
  commands: [1, 2, 3, 4, 5].map((byte) => Uint8Array.of(byte, byte)),
  describe: (result) => String(result),
});
