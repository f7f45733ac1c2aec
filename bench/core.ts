/**
 * The core alone, in memory: committed entries per second with one and three members, proposals one at a time and in batches. No
 * disk, no wire, no host: what the protocol itself costs.
 */
import {
  type Entry,
  indexZero,
  type LogIndex,
  type LogView,
  type NodeId,
  noNode,
  RawNode,
  type Term,
  termZero,
  toLogIndex,
  toNodeId,
} from "@quorate/raft";

const payload = new Uint8Array(256);
/** Entries kept behind the applied index: the log is cut as a server would cut it, so that memory stays flat. */
const trailingCount = 10_000;

/** The stored log of one member: an array that is cut from the front now and then. */
class ArrayLog implements LogView {
  #entries: Entry[] = [];
  #baseIndex = 0;
  #baseTerm: Term = termZero;

  get firstIndex(): LogIndex {
    return toLogIndex(this.#baseIndex + 1);
  }

  get lastIndex(): LogIndex {
    return toLogIndex(this.#baseIndex + this.#entries.length);
  }

  term(index: LogIndex): Term | "compacted" | "unavailable" {
    if (index < this.#baseIndex) {
      return "compacted";
    }
    return index === this.#baseIndex
      ? this.#baseTerm
      : (this.#entries[index - this.#baseIndex - 1]?.term ?? "unavailable");
  }

  entries(low: LogIndex, high: LogIndex): readonly Entry[] {
    return this.#entries.slice(low - this.#baseIndex - 1, high - this.#baseIndex - 1);
  }

  snapshot(): null {
    return null;
  }

  append(entries: readonly Entry[]): void {
    this.#entries.length = (entries[0]?.index ?? 0) - this.#baseIndex - 1;
    for (const entry of entries) {
      this.#entries.push(entry);
    }
  }

  cut(applied: number): void {
    const count = applied - this.#baseIndex - trailingCount;
    if (count > trailingCount) {
      this.#baseTerm = this.#entries[count - 1]?.term ?? termZero;
      this.#entries = this.#entries.slice(count);
      this.#baseIndex += count;
    }
  }
}

interface Member {
  readonly node: RawNode;
  readonly log: ArrayLog;
  applied: number;
}

function createMembers(count: number): Map<NodeId, Member> {
  const voters = Array.from({ length: count }, (_, i) => toNodeId(i + 1));
  return new Map(
    voters.map((id) => {
      const log = new ArrayLog();
      const node = new RawNode({
        id,
        log,
        hardState: { term: termZero, vote: noNode, commit: indexZero },
        confState: { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
        applied: indexZero,
        random: (low) => low,
        asyncStorage: true,
      });
      return [id, { node, log, applied: 0 }];
    }),
  );
}

/** Runs every member until nobody has anything to say. */
function settle(members: Map<NodeId, Member>): void {
  for (let busy = true; busy; ) {
    busy = false;
    for (const member of members.values()) {
      while (member.node.hasReady()) {
        busy = true;
        runReady(member, members);
      }
    }
  }
}

function runReady(member: Member, members: Map<NodeId, Member>): void {
  const ready = member.node.ready();
  if (ready.entries.length > 0) {
    member.log.append(ready.entries);
  }
  for (const message of ready.sendNow) {
    members.get(message.to)?.node.step(message);
  }
  for (const message of ready.sendAfterPersist) {
    members.get(message.to)?.node.step(message);
  }
  member.node.persisted(ready.seq);
  const last = ready.apply.at(-1);
  if (last !== undefined) {
    member.applied = last.index;
    member.node.applied(last.index);
    member.log.cut(last.index);
  }
}

interface CoreResult {
  readonly members: number;
  readonly batch: number;
  readonly entriesPerSecond: number;
  readonly nsPerEntry: number;
}

function measure(memberCount: number, batch: number, entryCount: number): CoreResult {
  const members = createMembers(memberCount);
  const leader = members.get(toNodeId(1));
  if (leader === undefined) {
    throw new Error("there is a first member");
  }
  leader.node.campaign();
  settle(members);
  const commands = Array.from({ length: batch }, () => payload);
  const start = performance.now();
  for (let proposed = 0; proposed < entryCount; proposed += batch) {
    const result = leader.node.propose(commands);
    if (!result.ok) {
      throw new Error(`refused: ${result.reason}`);
    }
    settle(members);
  }
  const seconds = (performance.now() - start) / 1000;
  const applied = Math.min(...[...members.values()].map((member) => member.applied));
  if (applied < entryCount) {
    throw new Error(`only ${applied} of ${entryCount} entries were applied everywhere`);
  }
  return {
    members: memberCount,
    batch,
    entriesPerSecond: entryCount / seconds,
    nsPerEntry: (seconds * 1e9) / entryCount,
  };
}

/** Prints and returns one row for each setting, best of three, after a warm-up. */
export function benchCore(): CoreResult[] {
  const settings = [1, 3, 5].flatMap((members) => [1, 64].map((batch) => ({ members, batch })));
  const results = settings.map(({ members, batch }) => {
    const entryCount = batch === 1 ? 100_000 : 1_000_000;
    measure(members, batch, entryCount / 10);
    const runs = [1, 2, 3].map(() => measure(members, batch, entryCount));
    return runs.reduce((best, run) => (run.nsPerEntry < best.nsPerEntry ? run : best));
  });
  console.log(
    "\nthe core in memory, entries of 256 bytes, committed and applied on every member (best of 3)",
  );
  console.table(
    results.map((row) => ({
      members: row.members,
      batch: row.batch,
      "entries/s": Math.round(row.entriesPerSecond),
      "ns/entry": Math.round(row.nsPerEntry),
    })),
  );
  return results;
}
