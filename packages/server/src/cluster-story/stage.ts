/**
 * Where a story plays: servers that can be started, killed, paused, cut off and changed, on this machine's clock and network or in a
 * simulated world. Everything calls back, so that a simulated story needs no Promise and stays the same byte for byte.
 */
import type { Role } from "@quorate/raft";

/** Called once, with null or with what stands in the way. */
export type Done = (problem: string | null) => void;

/** A server as it is now. */
export interface ServerView {
  readonly id: number;
  readonly port: number;
  readonly state: "running" | "paused" | "down" | "removed";
  readonly role: Role;
  readonly term: number;
  /** 0: none known. */
  readonly leader: number;
  readonly voters: readonly number[];
}

/** The servers, their clock and their network. Ids are those of {@link servers}; the director has checked them. */
export interface Stage {
  /** Milliseconds since the story began. */
  readonly nowMs: number;
  /** By ascending id, also those that are down or removed. */
  servers(): readonly ServerView[];
  /** Whether frames pass between two servers. */
  connected(left: number, right: number): boolean;
  /** Calls `run` later; what it returns prevents that. */
  after(delayMs: number, run: () => void): () => void;
  start(done: Done): void;
  kill(id: number, done: Done): void;
  restart(id: number, done: Done): void;
  pause(id: number): void;
  resume(id: number): void;
  /** Lets frames pass within a group only; the rest is a group, too. */
  partition(groups: readonly (readonly number[])[]): void;
  mend(): void;
  transfer(leader: number, to: number | null, done: Done): void;
  /** A new server with an empty log, added as a learner that is promoted; `done` when it is a learner. */
  add(leader: number, done: (problem: string | null, id: number) => void): void;
  remove(leader: number, id: number, done: Done): void;
  /** Commits `count` commands; `done` with the log index of the last one. */
  write(leader: number, count: number, done: (problem: string | null, index: number) => void): void;
}
