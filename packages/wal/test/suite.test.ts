/** The contract of a storage, on the log. */
import { test } from "node:test";
import { toNodeId } from "@quorate/raft";
import { storageSuite, suiteVoters } from "@quorate/raft/testing";
import { openWal, type WalStorage } from "@quorate/wal";
import { MemoryFileSystem } from "@quorate/wal/testing";

storageSuite(test, async () => {
  const fileSystem = new MemoryFileSystem();
  const nodeId = toNodeId(1);
  const bootstrap = {
    storeId: new Uint8Array(16).fill(1),
    confState: {
      voters: suiteVoters,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    },
    application: new Uint8Array(0),
  };
  return {
    open: () =>
      new Promise<WalStorage>((resolve, reject) => {
        openWal({ fileSystem, clusterId: 7, nodeId, bootstrap, segmentBytes: 64 * 1024 }, (error, storage) =>
          storage === undefined ? reject(error) : resolve(storage),
        );
      }),
    dispose: async () => {},
  };
});
