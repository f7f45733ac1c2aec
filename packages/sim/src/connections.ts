/**
 * The connections of one life of a member, with the handshake of production: its frames, and its decisions. What a member says counts
 * with a peer only after that peer has admitted the member's disk; a peer that restarted knows nobody, and is dialled again.
 */
import { assert, ByteWriter, type Prng } from "@quorate/base";
import {
  type ControlFrame,
  encodeControlFrame,
  type Hello,
  helloOf,
  judgeHello,
  judgeWelcome,
  type NodeId,
  type PeerIdentity,
  type PeerKnowledge,
  type RefusalCause,
  Remotes,
  type Welcome,
  welcomeOf,
} from "@quorate/raft";
import type { Incarnation } from "./incarnation.ts";
import type { PeerNotes } from "./peer-notes.ts";

/** How long a dialling member waits for an answer, and at most between two attempts. */
const answerMs = 500;
const redialMsMax = 800;

/** More than any plan has members: that the bound holds is shown where strangers are made up, by the tests of production's transports. */
const remotesMax = 16;

/** What connections need of their transport. */
interface ConnectionsParts {
  readonly identity: PeerIdentity;
  readonly notes: PeerNotes;
  readonly process: Incarnation;
  readonly random: Prng;
  /** Wire versions that this member offers beyond the one that all speak. */
  readonly versionsAhead: number;
  readonly isPeer: (id: NodeId) => boolean;
  readonly isRemoved: (id: NodeId) => boolean;
  /** `machine` is the one that asked, where something is answered. */
  readonly send: (to: NodeId, bytes: Uint8Array, machine: number | null) => void;
  /** Somebody was refused, by this side or the other. */
  readonly refused: (peer: NodeId, cause: RefusalCause) => void;
  /** A caller was taken in that no configuration here names. */
  readonly adopted: (peer: NodeId) => void;
  /** The notes cannot be written. */
  readonly failed: (error: Error) => void;
}

interface Link {
  state: "idle" | "introducing" | "open";
  attempts: number;
  /** Counts changes of the state, so that old timers are void. */
  turn: number;
}

/** See the head of this file. */
export class Connections {
  readonly #parts: ConnectionsParts;
  readonly #knowledge: PeerKnowledge;
  readonly #links = new Map<NodeId, Link>();
  /** By which disk each peer was admitted. */
  readonly #admitted = new Map<NodeId, number>();
  /** The network takes frames by name, so an address is one. */
  readonly #remotes: Remotes<string> = new Remotes(remotesMax, (_id, address) => address);

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    const { isPeer, isRemoved, notes } = parts;
    this.#knowledge = {
      isPeer,
      isRemoved,
      judge: (id, storeId) => notes.judge(id, storeId),
      hasMetAnybody: () => notes.count > 0,
      remoteProblem: (hello) => this.#remotes.problem(hello),
    };
  }

  isOpen(peer: NodeId): boolean {
    return this.#links.get(peer)?.state === "open";
  }

  /** Whether what a peer says counts, by the disk that it has. */
  admits(peer: NodeId, disk: number): boolean {
    return this.#admitted.get(peer) === disk;
  }

  /** Sees to it that there is a connection, now or soon. */
  reach(peer: NodeId): void {
    if (!this.#links.has(peer)) {
      this.#links.set(peer, { state: "idle", attempts: 0, turn: 0 });
      this.#dial(peer);
    }
  }

  /** Whether the configuration does not name it, and it is listened to all the same. */
  isRemote(peer: NodeId): boolean {
    return this.#remotes.has(peer);
  }

  /** The configuration names it now: it introduces itself anew; whether it was a remote. */
  endRemote(peer: NodeId): boolean {
    const wasRemote = this.#remotes.has(peer);
    if (wasRemote) {
      this.dismiss(peer);
    }
    return wasRemote;
  }

  /** No connection with a former member, in neither direction. */
  dismiss(peer: NodeId): void {
    this.#remotes.delete(peer);
    this.#admitted.delete(peer);
    const link = this.#links.get(peer);
    if (link !== undefined) {
      link.turn++;
      this.#links.delete(peer);
    }
  }

  /** The connection on which this member speaks ended. */
  lost(peer: NodeId): void {
    const link = this.#links.get(peer);
    if (link?.state === "open") {
      this.#dialLater(peer, link);
    }
  }

  /** The connection on which the peer speaks ended. */
  silenced(peer: NodeId): void {
    this.#admitted.delete(peer);
    if (this.#remotes.has(peer)) {
      this.dismiss(peer);
    }
  }

  /** The peer says something about the connection; `disk` is the one that it has. */
  received(peer: NodeId, disk: number, frame: ControlFrame): void {
    switch (frame.kind) {
      case "hello":
        this.#hello(peer, disk, frame);
        return;
      case "welcome":
        this.#welcome(peer, frame);
        return;
      case "refusal":
        this.#parts.refused(peer, frame.cause);
        return;
      default:
        assert(false, "connections: nobody says that here");
    }
  }

  #dial(peer: NodeId): void {
    const { identity, notes, process } = this.#parts;
    const link = this.#links.get(peer);
    if (link === undefined || link.state === "open") {
      return;
    }
    link.state = "introducing";
    link.turn++;
    const { turn } = link;
    const hello = helloOf(identity, peer, notes.expected(peer));
    this.#say(peer, { ...hello, versionMax: hello.versionMax + this.#parts.versionsAhead }, null);
    process.schedule(answerMs, () => {
      if (link.turn === turn && link.state === "introducing") {
        this.#dialLater(peer, link);
      }
    });
  }

  #dialLater(peer: NodeId, link: Link): void {
    const { process, random } = this.#parts;
    link.state = "idle";
    link.turn++;
    const { turn } = link;
    const fullMs = Math.min(redialMsMax, 20 * 2 ** Math.min(link.attempts, 10));
    link.attempts++;
    process.schedule(random.integer(Math.ceil(fullMs / 2), fullMs + 1), () => {
      if (link.turn === turn) {
        this.#dial(peer);
      }
    });
  }

  #hello(peer: NodeId, disk: number, hello: Hello): void {
    const { identity, notes } = this.#parts;
    const verdict = judgeHello(identity, this.#knowledge, hello);
    if (verdict.status === "refused") {
      this.#parts.refused(peer, verdict.refusal.cause);
      this.#say(peer, { kind: "refusal", ...verdict.refusal }, disk);
      return;
    }
    if (verdict.status === "remote") {
      this.#remotes.add(hello);
      this.#admitted.set(peer, disk);
      this.#parts.adopted(peer);
      this.#say(peer, welcomeOf(identity), disk);
      this.reach(peer);
      return;
    }
    notes.note(peer, hello.storeId, (error) => {
      if (error !== null) {
        this.#parts.failed(error);
        return;
      }
      if (this.#knowledge.isPeer(peer)) {
        this.#admitted.set(peer, disk);
        this.#say(peer, welcomeOf(identity), disk);
      }
    });
  }

  #welcome(peer: NodeId, welcome: Welcome): void {
    const { notes } = this.#parts;
    const link = this.#links.get(peer);
    if (link === undefined || link.state !== "introducing") {
      return; // To an attempt that was given up.
    }
    const refusal = judgeWelcome(peer, this.#knowledge, welcome);
    if (refusal !== null) {
      this.#parts.refused(peer, refusal.cause);
      return;
    }
    if (this.#remotes.has(peer)) {
      this.#opened(link); // Nothing that it says counts in a quorum: there is nothing to note.
      return;
    }
    notes.note(peer, welcome.storeId, (error) => {
      if (error !== null) {
        this.#parts.failed(error);
      } else if (link.state === "introducing") {
        this.#opened(link);
      }
    });
  }

  #opened(link: Link): void {
    assert(link.state === "introducing", "connections: opened without a word");
    link.state = "open";
    link.turn++;
    link.attempts = 0;
  }

  #say(peer: NodeId, frame: ControlFrame, machine: number | null): void {
    const writer = new ByteWriter();
    encodeControlFrame(writer, frame);
    this.#parts.send(peer, writer.finish(), machine);
  }
}
