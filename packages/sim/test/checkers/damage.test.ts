/** Disks that lose what they held: what a damaged log may miss, and what binds its member until it is repaired (ADR 15). */
import { test } from "node:test";
import { type NodeId, toLogIndex, toTerm, type VoteFloor } from "@quorate/raft";
import { type DiskDamage, noDamage } from "../../src/checkers/log-places.ts";
import type { Oracle } from "../../src/checkers/oracle.ts";
import { accepted, batch, entry, hardState, status, view, voteFor } from "./build.ts";
import { fires, fresh, one, replicated, three, two } from "./trio.ts";

/** Entries 1 to 6 of term 1, two to a batch, each batch of 100 bytes behind the header of segment 1. */
function placed(oracle: Oracle, node: NodeId): void {
  for (const [i, first] of [1, 3, 5].entries()) {
    oracle.writing(node, batch([entry(first, 1), entry(first + 1, 1)], hardState(1, 1, 0)));
    oracle.written(node, { sequence: 1, offset: 612 + i * 100 });
  }
}

function damagedAt(offset: number | null, parts: Partial<DiskDamage> = {}): DiskDamage {
  return { ...noDamage, first: offset === null ? null : { sequence: 1, offset }, ...parts };
}

function logOf(count: number): ReturnType<typeof view> {
  return view(Array.from({ length: count }, (_, i) => entry(i + 1, 1)));
}

const floorAtSix = { term: toTerm(1), index: toLogIndex(6) };

test("recovery: damage takes what is damaged and what lies behind it, and nothing before", () => {
  const found = (count: number, damage: DiskDamage): void => {
    const oracle = fresh();
    placed(oracle, one);
    oracle.recovered(one, logOf(count), hardState(1, 1, 0), { floor: floorAtSix, damage });
  };
  found(4, damagedAt(712));
  found(4, damagedAt(811));
  found(2, damagedAt(650));
  found(0, damagedAt(600));
  // As where a whole segment is set aside for one bad batch: all of it was durable, and lies before the damage.
  fires("recovery", () => found(2, damagedAt(712)));
  fires("recovery", () => found(0, damagedAt(650)));
  // Half a batch, or a floor that is left over from damage that is long repaired.
  fires("recovery", () => found(3, damagedAt(712)));
  fires("recovery", () => found(4, noDamage));
  // A damaged snapshot takes the whole log with it.
  found(0, damagedAt(null, { hasSnapshot: true }));
});

test("recovery: a log below the durable one is not for that its beginning", () => {
  const oracle = fresh();
  replicated(oracle, [two], 3, 1);
  placed(oracle, one);
  oracle.writing(one, batch([entry(3, 4)], hardState(4, 0, 0)));
  oracle.written(one, { sequence: 1, offset: 1012 });
  const other = view([entry(1, 1), entry(2, 1), entry(3, 1)]);
  const floor = { term: toTerm(4), index: toLogIndex(3) };
  fires("recovery", () =>
    oracle.recovered(one, other, hardState(4, 0, 0), { floor, damage: damagedAt(912) }),
  );
});

test("acknowledged-entries: what damage took is put in the place of what stood there before (seed short 88835)", () => {
  const oracle = fresh();
  placed(oracle, one);
  oracle.writing(one, batch([entry(3, 4)], hardState(4, 0, 0)));
  oracle.written(one, { sequence: 1, offset: 912 });
  oracle.sending(one, accepted(1, 2, 4, 3));
  const floor = { term: toTerm(4), index: toLogIndex(3) };
  oracle.recovered(one, logOf(4), hardState(4, 0, 0), { floor, damage: damagedAt(712) });
  oracle.writing(one, batch([entry(3, 4)]));
  oracle.written(one, { sequence: 1, offset: 812 });
  oracle.repaired(one);
  fires("acknowledged-entries", () => oracle.writing(one, batch([entry(2, 4)])));
});

test("recovery: what a compaction took away may be missed when the damage took its record", () => {
  const bare = { ...view([]), firstIndex: toLogIndex(5), lastIndex: toLogIndex(4), term: () => toTerm(1) };
  const found = (isTold: boolean): void => {
    const oracle = fresh();
    replicated(oracle, [two, three], 6, 1);
    oracle.stepped(two, status(1, "leader", 6, 0));
    placed(oracle, one);
    oracle.compacted(one, toLogIndex(4), true);
    if (isTold) {
      oracle.writing(one, batch([entry(7, 1)]));
      oracle.written(one, { sequence: 1, offset: 912 });
      oracle.writing(one, batch([entry(8, 1)]));
      oracle.written(one, { sequence: 1, offset: 1012 });
    }
    const floor = { term: toTerm(1), index: toLogIndex(isTold ? 8 : 6) };
    const damage = damagedAt(isTold ? 950 : 712);
    oracle.recovered(one, bare, hardState(1, 1, 0), { floor, damage });
  };
  found(false);
  fires("recovery", () => found(true));
});

test("vote-floor: unknown only where the newest segment cannot tell, and never more than there was", () => {
  const found = (floor: VoteFloor, parts: Partial<DiskDamage> = {}): Oracle => {
    const oracle = fresh();
    placed(oracle, one);
    oracle.recovered(one, logOf(4), hardState(1, 1, 0), { floor, damage: damagedAt(712, parts) });
    return oracle;
  };
  const unknown = found("unknown", { hidesEnd: true });
  fires("vote-floor", () => found("unknown"));
  fires("vote-floor", () => found({ term: toTerm(1), index: toLogIndex(5) }));
  fires("vote-floor", () => found({ term: toTerm(1), index: toLogIndex(7) }));
  unknown.writing(one, batch([], hardState(2, 2, 0)));
  unknown.written(one);
  // No vote before a leader told how far the log reached, although the candidate's log holds all that is committed.
  fires("vote-floor", () => unknown.sending(one, voteFor(1, 2, 2)));
  replicated(unknown, [two], 6, 1);
  unknown.floorNoted(one, floorAtSix);
  unknown.sending(one, voteFor(1, 2, 2));
  fires("vote-floor", () => unknown.floorNoted(one, floorAtSix));
});

test("vote-floor: a floor that a leader names reaches what is committed of what was had", () => {
  const oracle = fresh();
  replicated(oracle, [two, three], 6, 1);
  placed(oracle, one);
  oracle.stepped(two, status(1, "leader", 6, 0));
  const damage = damagedAt(712, { hidesEnd: true });
  oracle.recovered(one, logOf(4), hardState(1, 1, 0), { floor: "unknown", damage });
  fires("vote-floor", () => oracle.floorNoted(one, { term: toTerm(1), index: toLogIndex(5) }));
  oracle.floorNoted(one, floorAtSix);
});

test("vote-floor: a repaired log holds what is committed of what it had; what was replaced is not missed", () => {
  const oracle = fresh();
  placed(oracle, one);
  replicated(oracle, [two, three], 4, 1);
  for (const node of [two, three]) {
    oracle.writing(node, batch([entry(5, 2)], hardState(2, 2, 5)));
    oracle.written(node);
  }
  oracle.stepped(two, status(2, "leader", 5, 0));
  oracle.recovered(one, logOf(2), hardState(1, 1, 0), { floor: floorAtSix, damage: damagedAt(612) });
  fires("vote-floor", () => oracle.repaired(one));
  oracle.writing(one, batch([entry(3, 1)], hardState(2, 2, 0)));
  oracle.written(one);
  fires("vote-floor", () => oracle.repaired(one));
  oracle.writing(one, batch([entry(4, 1)]));
  oracle.written(one);
  oracle.repaired(one);
});
