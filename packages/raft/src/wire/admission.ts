/**
 * Whether two members may talk: the decisions of the handshake, without its sockets. A disk that was wiped, restored or cloned has
 * forgotten votes and acknowledgements that others count on; it is known by its store id, and refused under its old name. A caller that no
 * configuration here names is a remote: see `remotes.ts`.
 */
import { assert, equalBytes } from "@quorate/base";
import type { NodeId } from "../types/ids.ts";
import { type Hello, identityBytes, type RefusalCause, type Welcome } from "./handshake.ts";
import { wireVersion } from "./layout.ts";

/** Who a member is to its peers. */
export interface PeerIdentity {
  readonly id: NodeId;
  readonly clusterId: number;
  /** Of its disk. */
  readonly storeId: Uint8Array;
  /** Of its process. */
  readonly bootId: Uint8Array;
  /** Where others reach it, as a change of the membership would tell it; empty where nobody knows. At most 255 bytes. */
  readonly address: string;
}

/** What the notes of a member say about the store id that a peer comes with. */
export type StoreIdVerdict = "unknown" | "same" | "different";

/** What a member knows of those who may speak to it. */
export interface PeerKnowledge {
  readonly isPeer: (id: NodeId) => boolean;
  /** Whether it was a member and is none any more. */
  readonly isRemoved: (id: NodeId) => boolean;
  readonly judge: (id: NodeId, storeId: Uint8Array) => StoreIdVerdict;
  /**
   * Whether it has met anybody yet. A member that has not may be a wiped disk under an old name: those who knew it refuse it, but one who
   * came later would take its empty log and its forgotten votes for true.
   */
  readonly hasMetAnybody: () => boolean;
  /** Why a caller that is neither a member nor a former one cannot be taken in as a remote; null when it can. */
  readonly remoteProblem: (hello: Hello) => string | null;
}

/** Why somebody is refused. */
export interface HandshakeRefusal {
  readonly cause: RefusalCause;
  /** For people. */
  readonly detail: string;
}

/** What a noted store id makes of the one that a peer comes with; null where none was noted. */
export function judgeStoreId(noted: Uint8Array | null, storeId: Uint8Array): StoreIdVerdict {
  assert(storeId.length === identityBytes, "admission: a store id has 16 bytes");
  return noted === null ? "unknown" : equalBytes(noted, storeId) ? "same" : "different";
}

/** The words of the side that dials. `expectedStoreId` is what it noted for the other side, null before they ever met. */
export function helloOf(self: PeerIdentity, to: NodeId, expectedStoreId: Uint8Array | null): Hello {
  assert(to !== self.id, "admission: a member does not dial itself");
  const { address, bootId, clusterId, id, storeId } = self;
  return {
    kind: "hello",
    versionMin: wireVersion,
    versionMax: wireVersion,
    clusterId,
    from: id,
    to,
    storeId,
    bootId,
    expectedStoreId,
    address,
  };
}

/** The consent of the side that was dialled. */
export function welcomeOf({ bootId, id, storeId }: Omit<PeerIdentity, "address">): Welcome {
  return { kind: "welcome", version: wireVersion, from: id, storeId, bootId };
}

/** What the side that was dialled makes of a caller. The store id of a member is noted before the consent, that of a remote is not. */
export type HelloVerdict =
  | { readonly status: "member" | "remote" }
  | { readonly status: "refused"; readonly refusal: HandshakeRefusal };

/** Whether the side that was dialled consents. */
export function judgeHello(
  self: Omit<PeerIdentity, "address">,
  peers: PeerKnowledge,
  hello: Hello,
): HelloVerdict {
  assert(hello.from >= 1 && hello.to >= 1, "admission: a hello without names");
  const refusal = wrongPlace(self, hello) ?? wrongCaller(peers, hello) ?? wrongStore(self, peers, hello);
  return refusal === null
    ? { status: peers.isPeer(hello.from) ? "member" : "remote" }
    : { status: "refused", refusal };
}

/** Another version, another cluster, another member. */
function wrongPlace(self: Omit<PeerIdentity, "address">, hello: Hello): HandshakeRefusal | null {
  if (hello.versionMin > wireVersion || hello.versionMax < wireVersion) {
    const detail = `peer speaks versions ${hello.versionMin} to ${hello.versionMax}, this member ${wireVersion}`;
    return { cause: "version", detail };
  }
  if (hello.clusterId !== self.clusterId) {
    const detail = `peer belongs to cluster ${hello.clusterId.toString(16)}, this member to ${self.clusterId.toString(16)}`;
    return { cause: "cluster", detail };
  }
  // Whoever calls in this member's own name is somebody else.
  if (hello.to !== self.id || hello.from === self.id) {
    const detail = `peer ${hello.from.toString(16)} looks for member ${hello.to.toString(16)}, this is ${self.id.toString(16)}`;
    return { cause: "node", detail };
  }
  return null;
}

/** A former member, or one that is not known and cannot be taken in. RAFT §4.1 [append-from-stranger, vote-for-stranger]. */
function wrongCaller(peers: PeerKnowledge, hello: Hello): HandshakeRefusal | null {
  if (peers.isRemoved(hello.from)) {
    return removedRefusal(hello.from);
  }
  if (peers.isPeer(hello.from)) {
    return null;
  }
  const problem = peers.hasMetAnybody()
    ? peers.remoteProblem(hello)
    : "it takes in nobody before it has met one of those whom it knows: its disk may be new";
  return problem === null ? null : unknownRefusal(hello.from, problem);
}

function wrongStore(
  self: Omit<PeerIdentity, "address">,
  peers: PeerKnowledge,
  hello: Hello,
): HandshakeRefusal | null {
  if (peers.judge(hello.from, hello.storeId) === "different") {
    return changedStoreRefusal(hello.from);
  }
  const expected = hello.expectedStoreId;
  return expected === null || equalBytes(expected, self.storeId) ? null : changedStoreRefusal(self.id);
}

/** Whether the side that dialled `peer` refuses what answers; null when it is to note the store id and begin. */
export function judgeWelcome(
  peer: NodeId,
  peers: Pick<PeerKnowledge, "judge">,
  welcome: Welcome,
): HandshakeRefusal | null {
  if (welcome.from !== peer) {
    const detail = `member ${welcome.from} answers at the address of member ${peer}`;
    return { cause: "node", detail };
  }
  return peers.judge(peer, welcome.storeId) === "different" ? changedStoreRefusal(peer) : null;
}

/** Of a caller that no configuration here names; `problem` ends a sentence about it. */
export function unknownRefusal(peer: NodeId, problem: string): HandshakeRefusal {
  return {
    cause: "unknown-peer",
    detail: `this member knows of no member ${peer.toString(16)} in this cluster, and ${problem}`,
  };
}

/** Of a former member. */
export function removedRefusal(peer: NodeId): HandshakeRefusal {
  return { cause: "removed", detail: `member ${peer} was removed from the cluster` };
}

function changedStoreRefusal(peer: NodeId): HandshakeRefusal {
  const detail =
    `member ${peer} comes with another store id than before: its disk was wiped, restored or cloned; ` +
    "remove the member and add it anew";
  return { cause: "store", detail };
}
