/** The contract of {@link Transport}, as tests that every transport must pass. */
import { equalBytes } from "@quorate/base";
import type { GroupId, PeerFrame, Transport } from "../host/ports.ts";
import { type NodeId, toLogIndex, toTerm } from "../types/ids.ts";
import { completion, expect, type TestFunction } from "./suite.ts";

/** Two members that know each other, not yet started. */
export interface TransportPair {
  readonly left: { readonly id: NodeId; readonly transport: Transport };
  readonly right: { readonly id: NodeId; readonly transport: Transport };
  /** Whether the transports tell of a peer whose process is gone. Default false: those tests are left out. */
  readonly tellsGone?: boolean;
  /** Resolves once `condition` holds; rejects when it does not within a few seconds. */
  until(condition: () => boolean): Promise<void>;
  /** Releases what the closed transports left. */
  dispose(): Promise<void>;
}

interface Received {
  readonly frames: { readonly group: GroupId; readonly from: NodeId; readonly frame: PeerFrame }[];
  readonly lost: NodeId[];
  readonly gone: NodeId[];
}

function start(transport: Transport): Received {
  const received: Received = { frames: [], lost: [], gone: [] };
  transport.start({
    received: (group, from, frame) => void received.frames.push({ group, from, frame }),
    unreachable: (peer) => void received.lost.push(peer),
    peerGone: (peer) => void received.gone.push(peer),
  });
  return received;
}

function append(from: NodeId, to: NodeId, number: number, bytes = 3): PeerFrame {
  const previous = { term: toTerm(1), index: toLogIndex(number) };
  const data = new Uint8Array(bytes).fill(number & 255);
  const entries = [{ term: toTerm(1), index: toLogIndex(number + 1), type: "normal" as const, data }];
  const commit = toLogIndex(0);
  return {
    kind: "message",
    message: { type: "append-entries", from, to, term: toTerm(1), previous, entries, commit },
  };
}

function chunkOf(voter: NodeId, number: number, chunk: Uint8Array): PeerFrame {
  const confState = {
    voters: [voter],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot = { index: toLogIndex(9), term: toTerm(1), confState };
  const { length } = chunk;
  return {
    kind: "snapshot-chunk",
    snapshot,
    term: toTerm(1),
    totalBytes: 5 * length,
    offset: number * length,
    chunk,
  };
}

/** Sends until the first frame arrives: before the connection stands, frames are lost. */
async function connect(pair: TransportPair, received: Received, group = 0): Promise<void> {
  const { left, right } = pair;
  await pair.until(() => {
    if (received.frames.length === 0) {
      left.transport.send(group, right.id, { kind: "propose-accepted", ...accepted });
    }
    return received.frames.length > 0;
  });
  // What was sent to get through may still be under way: the tests look at appends only.
}

const accepted = { requestId: 1, term: toTerm(1), firstIndex: toLogIndex(1), count: 1 };

function appends(received: Received): readonly Received["frames"][number][] {
  return received.frames.filter(({ frame }) => frame.kind === "message");
}

function numberOf(frame: PeerFrame): number {
  return frame.kind === "message" && frame.message.type === "append-entries"
    ? frame.message.previous.index
    : -1;
}

type Scenario = (pair: TransportPair) => Promise<void>;

async function close(pair: TransportPair): Promise<void> {
  await completion((completed) => pair.left.transport.close(completed));
  await completion((completed) => pair.right.transport.close(completed));
}

const scenarios: readonly (readonly [string, Scenario])[] = [
  [
    "appends arrive once, in order, with group and sender",
    async (pair) => {
      const { left, right } = pair;
      start(left.transport);
      const received = start(right.transport);
      await connect(pair, received, 5);
      for (let i = 1; i <= 200; i++) {
        left.transport.send(5, right.id, append(left.id, right.id, i));
      }
      await pair.until(() => appends(received).length >= 200);
      const found = appends(received);
      expect(found.length === 200, "every frame once");
      expect(
        found.every(
          ({ frame, from, group }, i) => from === left.id && group === 5 && numberOf(frame) === i + 1,
        ),
        "in the order in which they were sent",
      );
      await close(pair);
    },
  ],
  [
    "a large frame arrives unchanged",
    async (pair) => {
      const { left, right } = pair;
      start(left.transport);
      const received = start(right.transport);
      await connect(pair, received);
      const sent = append(left.id, right.id, 7, 1024 * 1024);
      left.transport.send(0, right.id, sent);
      await pair.until(() => appends(received).length === 1);
      const frame = appends(received)[0]?.frame;
      const data =
        frame?.kind === "message" && "entries" in frame.message ? frame.message.entries[0]?.data : null;
      expect(data instanceof Uint8Array, "an append arrives as one");
      expect(
        equalBytes(data ?? new Uint8Array(0), new Uint8Array(1024 * 1024).fill(7)),
        "its bytes are the same",
      );
      await close(pair);
    },
  ],
  [
    "the chunks of a snapshot arrive unchanged, though each is sent from the same memory",
    async (pair) => {
      const { left, right } = pair;
      start(left.transport);
      const received = start(right.transport);
      await connect(pair, received);
      const room = new Uint8Array(64);
      for (let i = 0; i < 5; i++) {
        left.transport.send(0, right.id, chunkOf(left.id, i, room.fill(i)));
      }
      room.fill(0xff);
      const chunks = (): Uint8Array[] =>
        received.frames.flatMap(({ frame }) => (frame.kind === "snapshot-chunk" ? [frame.chunk] : []));
      await pair.until(() => chunks().length === 5);
      expect(
        chunks().every((chunk, i) => equalBytes(chunk, new Uint8Array(64).fill(i))),
        "each with its own bytes",
      );
      await close(pair);
    },
  ],
  [
    "both sides send at once",
    async (pair) => {
      const { left, right } = pair;
      const atLeft = start(left.transport);
      const atRight = start(right.transport);
      await pair.until(() => {
        left.transport.send(0, right.id, append(left.id, right.id, 1));
        right.transport.send(0, left.id, append(right.id, left.id, 2));
        return atLeft.frames.length > 0 && atRight.frames.length > 0;
      });
      expect(
        atLeft.frames.every(({ from }) => from === right.id),
        "the right one's frames at the left",
      );
      expect(
        atRight.frames.every(({ from }) => from === left.id),
        "the left one's frames at the right",
      );
      await close(pair);
    },
  ],
  [
    "whoever sends to a member that closed learns that it is unreachable",
    async (pair) => {
      const { left, right } = pair;
      const atLeft = start(left.transport);
      const received = start(right.transport);
      await connect(pair, received);
      await completion((completed) => right.transport.close(completed));
      const count = received.frames.length;
      await pair.until(() => {
        left.transport.send(0, right.id, append(left.id, right.id, 1));
        return atLeft.lost.includes(right.id);
      });
      expect(received.frames.length === count, "nothing is delivered after the close");
      await completion((completed) => left.transport.close(completed));
    },
  ],
  [
    "a member that ended is known to be gone, once, where the transport can tell; one that runs never is",
    async (pair) => {
      const { left, right } = pair;
      const atLeft = start(left.transport);
      const atRight = start(right.transport);
      await pair.until(() => {
        left.transport.send(0, right.id, append(left.id, right.id, 1));
        right.transport.send(0, left.id, append(right.id, left.id, 2));
        return atLeft.frames.length > 0 && atRight.frames.length > 0;
      });
      expect(atLeft.gone.length === 0, "nobody is gone while both run");
      await completion((completed) => right.transport.close(completed));
      if (pair.tellsGone === true) {
        await pair.until(() => atLeft.gone.length > 0);
        expect(atLeft.gone[0] === right.id, "it is the one that ended");
      }
      // Further attempts to reach it find the same, which is no news.
      await pair.until(() => {
        left.transport.send(0, right.id, append(left.id, right.id, 3));
        return atLeft.lost.length >= 3;
      });
      expect(atLeft.gone.length === (pair.tellsGone === true ? 1 : 0), "it is told once");
      expect(atRight.gone.length === 0, "whoever ended hears nothing more");
      await completion((completed) => left.transport.close(completed));
    },
  ],
  [
    "a frame to a stranger is lost, and nothing else happens",
    async (pair) => {
      const { left, right } = pair;
      start(left.transport);
      const received = start(right.transport);
      await connect(pair, received);
      left.transport.send(0, (left.id + right.id + 1000) as NodeId, append(left.id, right.id, 1));
      left.transport.send(0, right.id, append(left.id, right.id, 2));
      await pair.until(() => appends(received).length === 1);
      await close(pair);
    },
  ],
];

/** Registers the contract as tests. `create` makes a fresh pair for each. */
export function transportSuite(test: TestFunction, create: () => Promise<TransportPair>): void {
  for (const [name, scenario] of scenarios) {
    test(`transport: ${name}`, async () => {
      const pair = await create();
      try {
        await scenario(pair);
      } finally {
        await pair.dispose();
      }
    });
  }
}
