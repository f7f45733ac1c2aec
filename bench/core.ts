/**
 * The core alone, in memory: committed entries per second with one, three and five members, proposals one at a time and in
 * batches, trial elections on. No disk, no wire, no host: what the protocol itself costs. Beside it etcd-io/raft in the same
 * shape (bench/etcd-raft), where Go is present. All times are CPU times of the process, garbage collection included, so that
 * other work on the machine does not show.
 */
import { spawnSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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
import { buildGo, goVersion } from "../scripts/lib/etcd-raft.ts";

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
        preVote: true,
        asyncStorage: true,
      });
      return [id, { node, log, applied: 0 }];
    }),
  );
}

/** Messages stepped and proposals made, for the cost of one. */
let stepCount = 0;

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
  stepCount += ready.sendNow.length + ready.sendAfterPersist.length;
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

/** One measurement: what `entryCount` entries cost. */
interface Cost {
  readonly seconds: number;
  readonly stepCount: number;
}

/** A group with a leader, and what proposes to it. */
function createGroup(
  memberCount: number,
  batch: number,
): { members: Map<NodeId, Member>; run: (entryCount: number) => void } {
  const members = createMembers(memberCount);
  const leader = members.get(toNodeId(1));
  if (leader === undefined) {
    throw new Error("there is a first member");
  }
  leader.node.campaign();
  settle(members);
  const commands = Array.from({ length: batch }, () => payload);
  const run = (entryCount: number): void => {
    for (let proposed = 0; proposed < entryCount; proposed += batch) {
      stepCount++;
      const result = leader.node.propose(commands);
      if (!result.ok) {
        throw new Error(`refused: ${result.reason}`);
      }
      settle(members);
    }
  };
  return { members, run };
}

function measure(memberCount: number, batch: number, entryCount: number): Cost {
  const { members, run } = createGroup(memberCount, batch);
  run(entryCount / 10);
  stepCount = 0;
  const start = process.cpuUsage();
  run(entryCount);
  const { user, system } = process.cpuUsage(start);
  const applied = Math.min(...[...members.values()].map((member) => member.applied));
  if (applied < entryCount) {
    throw new Error(`only ${applied} of ${entryCount} entries were applied everywhere`);
  }
  return { seconds: (user + system) / 1e6, stepCount };
}

function measureEtcd(program: string, memberCount: number, batch: number, entryCount: number): Cost {
  const run = spawnSync(program, [memberCount, batch, entryCount].map(String), { encoding: "utf8" });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`bench/etcd-raft failed: ${run.error?.message ?? run.stderr}`);
  }
  const [seconds = Number.NaN, steps = Number.NaN] = run.stdout.trim().split(" ").map(Number);
  return { seconds, stepCount: steps };
}

function cheapest(costs: readonly Cost[]): Cost {
  return costs.reduce((best, cost) => (cost.seconds < best.seconds ? cost : best));
}

/** One row of the table. */
export interface CoreResult {
  readonly members: number;
  readonly batch: number;
  readonly entriesPerSecond: number;
  readonly nsPerEntry: number;
  readonly nsPerStep: number;
  /** The same of etcd-io/raft; null without Go. */
  readonly etcdEntriesPerSecond: number | null;
  readonly etcdNsPerStep: number | null;
  /** Times as many entries per second as etcd-io/raft. */
  readonly ratio: number | null;
}

const rounds = 3;

function measureSetting(members: number, batch: number, etcd: string | null): CoreResult {
  const entryCount = batch === 1 ? 100_000 : 1_000_000;
  const ours: Cost[] = [];
  const theirs: Cost[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(measure(members, batch, entryCount));
    if (etcd !== null) theirs.push(measureEtcd(etcd, members, batch, entryCount));
  }
  const own = cheapest(ours);
  const other = etcd === null ? null : cheapest(theirs);
  return {
    members,
    batch,
    entriesPerSecond: entryCount / own.seconds,
    nsPerEntry: (own.seconds * 1e9) / entryCount,
    nsPerStep: (own.seconds * 1e9) / own.stepCount,
    etcdEntriesPerSecond: other === null ? null : entryCount / other.seconds,
    etcdNsPerStep: other === null ? null : (other.seconds * 1e9) / other.stepCount,
    ratio: other === null ? null : other.seconds / own.seconds,
  };
}

/** Bytes that live after a collection. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

const heapPoints = [1_000, 100_000, 1_000_000];

/** What lives on the heap after so many entries, of which the last 10,000 to 20,000 are kept in each log. */
function measureHeap(): { entries: number; heapBytes: number }[] {
  const { members, run } = createGroup(3, 64);
  run(2 * trailingCount + trailingCount); // From here on the logs are cut, so that they stay about the same.
  let done = 0;
  const points = heapPoints.map((entries) => {
    run(entries - done);
    done = entries;
    return { entries, heapBytes: heapBytes() };
  });
  if (members.size !== 3) throw new Error("the members live as long as they are measured");
  return points;
}

/** Prints and returns one row for each setting, best of three, after a warm-up. */
export function benchCore(): { results: CoreResult[]; heap: { entries: number; heapBytes: number }[] } {
  const etcd = goVersion() === null ? null : buildGo("bench/etcd-raft", "etcd-raft-bench");
  if (etcd === null) {
    console.log("core: etcd-io/raft SKIPPED: no Go on this machine");
  }
  const settings = [1, 3, 5].flatMap((members) => [1, 64].map((batch) => ({ members, batch })));
  const results = settings.map(({ members, batch }) => measureSetting(members, batch, etcd));
  console.log(
    `\nthe core in memory, entries of 256 bytes, committed and applied on every member (CPU time, best of ${rounds})`,
  );
  const rounded = (value: number | null): number | string => (value === null ? "-" : Math.round(value));
  console.table(
    results.map((row) => ({
      members: row.members,
      batch: row.batch,
      "entries/s": rounded(row.entriesPerSecond),
      "ns/entry": rounded(row.nsPerEntry),
      "ns/step": rounded(row.nsPerStep),
      "etcd-raft entries/s": rounded(row.etcdEntriesPerSecond),
      "etcd-raft ns/step": rounded(row.etcdNsPerStep),
      ratio: row.ratio === null ? "-" : row.ratio.toFixed(2),
    })),
  );
  const heap = measureHeap();
  console.log(
    "\nwhat lives on the heap of three members after so many entries, the logs cut behind the last 10,000",
  );
  console.table(
    heap.map((point) => ({ entries: point.entries, MiB: (point.heapBytes / 2 ** 20).toFixed(2) })),
  );
  return { results, heap };
}
