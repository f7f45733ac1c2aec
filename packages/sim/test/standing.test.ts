/** The promises of quiet times, against clusters that are told how to behave: each checker fires where its promise is broken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toNodeId } from "@quorate/raft";
import { Violation } from "@quorate/sim";
import { FaultCount } from "../src/fault-count.ts";
import { Network } from "../src/network.ts";
import { checkStanding, type StandingTarget } from "../src/standing.ts";
import { healedNetwork } from "../src/swarm.ts";
import { Scene } from "./scenarios/scene.ts";

const ids = [toNodeId(1), toNodeId(2), toNodeId(3)];

/** Three members of whom the first leads; `respond` says what becomes of that while time passes. */
class Puppets implements StandingTarget {
  readonly network: Network;
  readonly nodes = ids;
  readonly voters = ids;
  readonly #respond: (puppets: Puppets) => void;
  leading: NodeId | null = toNodeId(1);
  term = 3;
  asked = false;

  constructor(respond: (puppets: Puppets) => void) {
    const scene = new Scene(3);
    const calm = healedNetwork(scene.plan.network);
    this.network = new Network(scene.world, calm, new FaultCount(), () => {});
    this.#respond = respond;
  }

  leader(): NodeId | null {
    return this.leading;
  }

  handsOver(): boolean {
    return this.asked;
  }

  statusOf(node: NodeId): { readonly term: number; readonly role: string } {
    return { term: this.term, role: node === this.leading ? "leader" : "follower" };
  }

  run(_durationMs: number, done: () => boolean): void {
    this.#respond(this);
    done();
  }

  get isCutOff(): boolean {
    return ids.some((away) => ids.every((id) => id === away || this.network.isBlocked(id, away)));
  }
}

function fires(checker: string, respond: (puppets: Puppets) => void): void {
  assert.throws(
    () => checkStanding(new Puppets(respond), true, 1_000),
    (error) => error instanceof Violation && error.checker === checker,
  );
}

test("leader-stickiness fires when whoever did not hear the leader deposes it", () => {
  fires("leader-stickiness", (puppets) => {
    puppets.leading = toNodeId(2);
    puppets.term++;
  });
});

test("quorum-check fires when a leader that is cut off leads on", () => {
  fires("quorum-check", () => {});
});

test("liveness-leader fires when nobody follows it", () => {
  fires("liveness-leader", (puppets) => {
    if (puppets.isCutOff) {
      puppets.leading = null;
    }
  });
});

test("a cluster that behaves is left alone, and so is one that cannot do without anybody", () => {
  const follow = (puppets: Puppets): void => {
    if (puppets.isCutOff) {
      puppets.leading = toNodeId(3);
      puppets.term++;
    }
  };
  checkStanding(new Puppets(follow), true, 1_000);
  // It was asked before to hand over (seed short 78374), or is meanwhile.
  for (const askedFirst of [true, false]) {
    let runs = 0;
    const handOver = (puppets: Puppets): void => {
      runs++;
      const isOver = runs > (askedFirst ? 0 : 1);
      puppets.asked = !isOver;
      puppets.leading = toNodeId(isOver ? 2 : 1);
      follow(puppets);
    };
    const puppets = new Puppets(handOver);
    puppets.asked = askedFirst;
    checkStanding(puppets, true, 1_000);
  }
  const pair = Object.assign(new Puppets(() => assert.fail("nothing is tried")), { voters: ids.slice(0, 2) });
  checkStanding(pair, true, 1_000);
});
