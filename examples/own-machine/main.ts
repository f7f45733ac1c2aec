/** `node main.ts DATA_DIR deposit ann 10 | transfer ann bob 4 | balance ann`: a node on the machine of `own-machine.ts`. */
import { RaftNode } from "@quorate/raft-node";
import { Bank, type Command, type Result } from "./own-machine.ts";

const usage =
  "usage: own-machine DATA_DIR (deposit ACCOUNT AMOUNT | transfer FROM TO AMOUNT | balance ACCOUNT)";

/** The command that was typed; null for a question, undefined for nonsense. */
function parse([name, ...rest]: readonly string[]): Command | null | undefined {
  const [first, second, third] = rest;
  if (name === "deposit" && rest.length === 2) {
    return { type: "deposit", account: String(first), amount: Number(second) };
  }
  if (name === "transfer" && rest.length === 3) {
    return { type: "transfer", from: String(first), to: String(second), amount: Number(third) };
  }
  return name === "balance" && rest.length === 1 ? null : undefined;
}

async function main([dataDir, ...words]: readonly string[]): Promise<number> {
  const command = parse(words);
  if (dataDir === undefined || command === undefined) {
    console.error(usage);
    return 2;
  }
  const bank = new Bank();
  const node = await RaftNode.start<Command, Result>({
    id: 1,
    dataDir,
    listen: "127.0.0.1:0",
    peers: { 1: "127.0.0.1:0" },
    tickMs: 10,
    // Every 4 commands, so that you can watch the log being replaced by a snapshot.
    snapshots: { entryCountMax: 4, trailingEntryCount: 1 },
    stateMachine: bank,
  });
  try {
    await node.waitForLeader();
    if (command === null) {
      console.log(await node.read(() => bank.balance(String(words[1]))));
      return 0;
    }
    const result = await node.propose(command);
    console.log(result.ok ? result.balance : `refused: ${result.why}`);
    return result.ok ? 0 : 1;
  } finally {
    await node.stop();
  }
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`own-machine: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  });
}
