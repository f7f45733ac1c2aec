/** Writes batch after batch until it is killed, and prints the last index of each one that was called back. */
import { toLogIndex, toNodeId, toTerm } from "@quorate/raft";
import { entries, openIn, write } from "./support.ts";

const storage = await openIn(process.argv[2] ?? "");
for (;;) {
  const first = storage.lastIndex + 1;
  const last = first + 9;
  const hardState = { term: toTerm(1), vote: toNodeId(1), commit: toLogIndex(storage.lastIndex) };
  await write(storage, { hardState, entries: entries(first, last, 1, 300) });
  process.stdout.write(`${last}\n`);
}
