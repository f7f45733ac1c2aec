/** Three members of the bare core, driven by hand: every message, every write and every tick is moved by this file. */
import {
  describeMessage,
  describeReady,
  describeStatus,
  indexZero,
  type Message,
  type NodeId,
  RawNode,
  type Ready,
  type Storage,
  toNodeId,
} from "@quorate/raft";
import { MemoryStorage } from "@quorate/raft/testing";

const ids: readonly NodeId[] = [1, 2, 3].map(toNodeId);

/** One member: the core, where its log is kept, and what it has applied. */
class Member {
  readonly id: NodeId;
  readonly storage: Storage;
  readonly node: RawNode;
  readonly applied: string[] = [];

  constructor(id: NodeId, storage: Storage = new MemoryStorage({ voters: ids })) {
    this.id = id;
    this.storage = storage;
    this.node = new RawNode({
      id,
      log: storage,
      hardState: storage.initial.hardState,
      confState: storage.initial.confState,
      // A member that starts again from a snapshot begins behind it; these have none.
      applied: indexZero,
      // Time-outs differ from member to member; here by their ids, so that the story is always the same.
      random: (low) => low + id,
    });
  }

  /** The contract of `Ready`, step by step. Returns what is for others. */
  work(): Message[] {
    const outgoing: Message[] = [];
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      say(`${this.id} ready ${describeReady(ready)}`);
      // 1. These may leave while the disk writes.
      outgoing.push(...ready.sendNow);
      // 2. What must be durable is written before anything that depends on it leaves. RAFT §3.8.
      this.#persist(ready);
      // 3. Now the rest may leave, and what this member sends to itself is stepped back into it.
      for (const message of ready.sendAfterPersist) {
        if (message.to === this.id) {
          this.node.step(message);
        } else {
          outgoing.push(message);
        }
      }
      this.node.persisted(ready.seq);
      // 4. Committed entries go to the state machine.
      for (const entry of ready.apply) {
        if (entry.data.length > 0) {
          this.applied.push(Buffer.from(entry.data).toString());
        }
        this.node.applied(entry.index);
      }
    }
    return outgoing;
  }

  #persist({ entries, hardState, mustSync, snapshot }: Ready): void {
    this.storage.write({ entries, hardState, mustSync, snapshot }, (error) => {
      if (error !== null) {
        throw error; // A failed write is final: nobody knows what is on the disk.
      }
    });
  }
}

function say(line: string): void {
  console.log(line);
}

const members = ids.map((id) => new Member(id));
const lost = new Set<NodeId>();

function member(id: number): Member {
  const found = members.find((one) => one.id === id);
  if (found === undefined) {
    throw new Error(`no member ${id}`);
  }
  return found;
}

/** Carries messages until nobody has anything left to say. */
function deliver(): void {
  for (let moved = true; moved; ) {
    const messages = members.flatMap((one) => (lost.has(one.id) ? [] : one.work()));
    moved = messages.length > 0;
    for (const message of messages.filter(({ to }) => !lost.has(to))) {
      say(`  ${describeMessage(message)}`);
      member(message.to).node.step(message);
    }
  }
}

say("# Nobody leads. Time passes, and member 1 is the first to lose patience.");
while (members.every(({ node }) => node.role !== "leader")) {
  for (const one of members) {
    one.node.tick();
  }
  deliver();
}
say(describeStatus(member(1).node.status()));

say("# A command is in the log, then on a majority of disks, then applied everywhere.");
member(1).node.propose([Buffer.from("x=1")]);
deliver();

say("# Member 3 is lost. The others go on; the leader's view of member 3 stays behind.");
lost.add(toNodeId(3));
member(1).node.propose([Buffer.from("x=2")]);
deliver();
for (const progress of member(1).node.status().progress) {
  say(`progress of ${progress.id}: ${progress.state}, match ${progress.match}, next ${progress.next}`);
}

say("# It comes back, and the next heartbeat brings it up to date.");
lost.clear();
for (const one of members) {
  one.node.tick();
}
deliver();

say("# Member 2 takes over.");
member(1).node.transferLeadership(toNodeId(2));
deliver();
for (const one of members) {
  say(`${describeStatus(one.node.status())} applied: ${one.applied.join(" ")}`);
}
