/** `node main.ts DATA_DIR COMMAND…`: a single node on the log of `own-log.ts`; says what it has seen in all its lives. */
import { join } from "node:path";
import { composeStorage } from "@quorate/raft";
import { fileStableStore, type OpenStorage, RaftNode } from "@quorate/raft-node";
import { OwnLog } from "./own-log.ts";

/** The whole of what a node needs to run on another log. */
export const openStorage: OpenStorage = ({ dataDir, voters }) => {
  if (dataDir === null) {
    throw new Error("a log in a file needs a data directory");
  }
  const log = new OwnLog(join(dataDir, "own-log.txt"));
  return composeStorage({ log, stable: fileStableStore(join(dataDir, "values")), voters });
};

async function main([dataDir, ...commands]: readonly string[]): Promise<number> {
  if (dataDir === undefined) {
    console.error("usage: own-log DATA_DIR COMMAND…");
    return 2;
  }
  let seen: string[] = [];
  const node = await RaftNode.start<string, readonly string[]>({
    id: 1,
    dataDir,
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    tickMs: 10,
    openStorage,
    stateMachine: {
      apply: (command) => {
        seen.push(command);
        return [...seen];
      },
      snapshot: () => seen,
      restore: (image: string[]) => {
        seen = image;
      },
    },
  });
  await node.waitForLeader();
  for (const command of commands) {
    await node.propose(command);
  }
  await node.read(() => console.log(seen.join("\n")));
  await node.stop();
  return 0;
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`own-log: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  });
}
