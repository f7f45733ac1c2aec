/** A member that missed changes of the membership, and whose vote or disk the others need, with real disks and connections. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { RaftNode } from "@quorate/raft-node";
import { freePorts } from "@quorate/raft-node/testing";

type Node = RaftNode<{ add: number }, number>;

const founders = [1, 2, 3];

/** Members with addresses that stay, each started with those that somebody told it once. */
class Members {
  readonly #folder: string;
  readonly #ports: readonly number[];
  readonly #running = new Map<number, Node>();

  constructor(folder: string, ports: readonly number[]) {
    this.#folder = folder;
    this.#ports = ports;
  }

  addressOf(id: number): string {
    return `127.0.0.1:${this.#ports[id - 1]}`;
  }

  /** Knows the founders, and itself. */
  async start(id: number): Promise<Node> {
    let total = 0;
    const known = new Set([...founders, id]);
    const node = await RaftNode.start<{ add: number }, number>({
      id,
      dataDir: join(this.#folder, String(id)),
      listen: this.addressOf(id),
      peers: Object.fromEntries([...known].map((peer) => [peer, this.addressOf(peer)])),
      join: !founders.includes(id),
      tickMs: 10,
      segmentBytes: 1024 * 1024,
      stateMachine: {
        apply: ({ add }) => (total += add),
        snapshot: () => total,
        restore: (image: number) => {
          total = image;
        },
      },
    });
    this.#running.set(id, node);
    return node;
  }

  async stop(id: number): Promise<void> {
    const node = this.#running.get(id);
    this.#running.delete(id);
    await node?.stop({ transfer: false });
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id)));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function withMembers(run: (members: Members) => Promise<void>): Promise<void> {
  const members = new Members(await mkdtemp(join(tmpdir(), "quorate-test-")), await freePorts(5));
  try {
    await run(members);
  } finally {
    await members.dispose();
  }
}

/** The first of `nodes` that leads. */
async function leaderOf(nodes: readonly Node[]): Promise<Node> {
  const signal = AbortSignal.timeout(20_000);
  return Promise.any(
    nodes.map(async (node) => {
      for await (const { leader } of node.leadership({ signal })) {
        if (leader === node.id) {
          return node;
        }
      }
      throw new Error("stopped before it led");
    }),
  );
}

test("a member that missed who was added votes for them: {3, 4, 5} of five have a leader, though 3 knows neither 4 nor 5", () =>
  withMembers(async (members) => {
    const [one, two] = await Promise.all(founders.map((id) => members.start(id)));
    assert.ok(one !== undefined && two !== undefined);
    await one.waitForLeader();
    await members.stop(3);
    const leader = await leaderOf([one, two]);
    const added = await Promise.all([4, 5].map((id) => members.start(id)));
    for (const id of [4, 5]) {
      await leader.changeMembers([{ op: "add-learner", id, address: members.addressOf(id), promote: true }]);
      await leader.waitForMembers(({ confState }) => confState.voters.some((voter) => voter === id));
    }
    assert.equal(await leader.propose({ add: 1 }), 1);
    await Promise.all(added.map((node) => node.waitForApplied(leader.applied)));
    await Promise.all([members.stop(1), members.stop(2)]);

    const three = await members.start(3);
    assert.deepEqual(three.members.confState.voters, [1, 2, 3], "it has missed them");
    const next = await leaderOf([...added, three]);
    assert.equal(await next.propose({ add: 1 }), 2);
    const view = await three.waitForMembers(({ confState }) => confState.voters.length === 5);
    assert.equal(view.members.find(({ id }) => id === 5)?.address, members.addressOf(5));
    await three.waitForApplied(await next.barrier());
  }));
