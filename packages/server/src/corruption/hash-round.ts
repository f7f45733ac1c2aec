/**
 * One comparison: the hashes of the members at one point of the history, and who of them stands against a majority. It knows no
 * clock and no network.
 */
import { assert } from "@quorate/base";
import type { HashPoint } from "./hash-message.ts";

/** ETCD: the member that stands for all of them in an alarm. */
const everyMember = 0;

/** The hashes of one round. */
export class HashRound {
  readonly number: number;
  readonly point: HashPoint;
  readonly #hashes: Map<number, number> = new Map();

  /** The leader's own hash is the first. */
  constructor(number: number, point: HashPoint, leader: number, hash: number) {
    assert(number > 0, "hash round: numbers begin at 1");
    assert(point.compactRevision <= point.revision, "hash round: compacted beyond its point");
    this.number = number;
    this.point = point;
    this.#hashes.set(leader, hash);
  }

  /** How many members have told theirs. */
  get reportCount(): number {
    return this.#hashes.size;
  }

  /** A member's hash at the point. */
  report(member: number, hash: number): void {
    assert(member !== everyMember, "hash round: a report of nobody");
    this.#hashes.set(member, hash);
  }

  /**
   * Members whose hash is not that of a majority of all `memberCount`. Where the hashes differ and no majority agrees: nobody as long
   * as a member may still report, and at the end everybody, because nobody can tell who is right.
   */
  suspects(memberCount: number, atEnd: boolean): readonly number[] {
    assert(memberCount > 0, "hash round: no members");
    const counts = new Map<number, number>();
    for (const hash of this.#hashes.values()) {
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
    if (counts.size <= 1) {
      return [];
    }
    const majority = Math.floor(memberCount / 2) + 1;
    const agreed = [...counts].find(([, count]) => count >= majority);
    if (agreed !== undefined) {
      return [...this.#hashes].filter(([, hash]) => hash !== agreed[0]).map(([member]) => member);
    }
    return atEnd || this.#hashes.size >= memberCount ? [everyMember] : [];
  }
}
