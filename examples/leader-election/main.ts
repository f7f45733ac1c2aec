/**
 * Leader election and nothing else: several instances, one of which leads. `leader-election ID ADDRESS…` with the addresses of all
 * instances, the first of which is that of ID 1. In the environment: `ID`, `PEERS`, `DATA_DIR`.
 */
import { RaftNode } from "@quorate/raft-node";

/** Nothing is replicated: what is elected is all that is agreed on. */
const nothing = { apply: () => null, snapshot: () => null, restore: () => {} };

async function main(words: readonly string[]): Promise<number> {
  const [first = process.env["ID"], ...rest] = words;
  const id = Number(first);
  const addresses = rest.length > 0 ? rest : (process.env["PEERS"] ?? "").split(/\s+/).filter(Boolean);
  const address = addresses[id - 1];
  if (address === undefined || new Set(addresses).size < addresses.length) {
    console.error("usage: leader-election ID ADDRESS… (ID 1 is the first address; each stands there once)");
    return 2;
  }
  const node = await RaftNode.start({
    id,
    cluster: "leader-election",
    dataDir: process.env["DATA_DIR"] ?? `data/leader-election/${id}`,
    listen: address,
    peers: Object.fromEntries(addresses.map((peer, i) => [i + 1, peer])),
    tickMs: 20,
    stateMachine: nothing,
  });
  process.once("SIGINT", () => void node.stop());
  process.once("SIGTERM", () => void node.stop());

  let led = false;
  for await (const { isLeader, leader, term } of node.leadership()) {
    if (isLeader) {
      console.log(`${id} leads in term ${term}`);
    } else if (leader !== 0) {
      console.log(`${id} follows ${leader} in term ${term}`);
    } else if (led) {
      console.log(`${id} leads no more`);
    }
    led = isLeader;
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`leader-election: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
