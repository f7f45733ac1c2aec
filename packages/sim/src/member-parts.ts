/** What a member is made of: what it shares with its world, and what belongs to one life of it and is gone with the process. */
import type { ConfState, NodeId, RaftHost } from "@quorate/raft";
import type { ObservedStatus, Oracle } from "./checkers/oracle.ts";
import type { Service, ServiceParts } from "./etcd-service.ts";
import type { FaultCount } from "./fault-count.ts";
import type { Incarnation } from "./incarnation.ts";
import type { MemberTransport } from "./member-transport.ts";
import type { Network } from "./network.ts";
import type { ObservedMachine } from "./observed-machine.ts";
import type { PeerNotes } from "./peer-notes.ts";
import type { MachineResult } from "./session-machine.ts";
import type { StopTrouble } from "./stop-trouble.ts";
import type { SeedPlan } from "./swarm.ts";
import type { FeatureGates } from "./versions.ts";
import type { Watch } from "./watch.ts";
import type { World } from "./world.ts";

/** What a member shares with the rest of its world. */
export interface MemberParts {
  readonly id: NodeId;
  /** The first configuration; empty for one that joins. */
  readonly confState: ConfState;
  readonly world: World;
  readonly plan: SeedPlan;
  readonly faults: FaultCount;
  readonly watch: Watch;
  readonly oracle: Oracle;
  readonly network: Network;
  /** Puts an API above each life; null in a world without. */
  readonly serve: ((parts: ServiceParts) => Service) | null;
  /** Tells the others that the process of `id` is gone, as far as they reach its machine. */
  readonly ended: (id: NodeId) => void;
  /** Who is reached, and refuses `id` because it was removed. */
  readonly refusing: (id: NodeId) => readonly NodeId[];
  /** Ends the connection on which `from` speaks to `by`, where that reaches it. */
  readonly reset: (by: NodeId, from: NodeId) => void;
  /** Whether the disk of a member is not its first one. */
  readonly isWiped: (id: NodeId) => boolean;
  /** Members of the newest configuration: whoever sets up a member gives it their addresses, once. */
  readonly members: () => readonly NodeId[];
}

/** One life: what is gone with the process. */
export interface Life {
  /** Counts the lives of its member. */
  readonly number: number;
  readonly process: Incarnation;
  readonly machine: ObservedMachine;
  readonly transport: MemberTransport;
  readonly version: FeatureGates;
  host: RaftHost<MachineResult> | null;
  service: Service | null;
  /** Null until they were read. */
  notes: PeerNotes | null;
  /** Whether the host has stopped by itself, as after a failed disk. */
  stopped: boolean;
  /** What comes in the way of the image that is made at a stop; null: nothing. */
  stopTrouble: StopTrouble | null;
  /** How far that image has come. */
  lastImage: "none" | "begun" | "made";
}

/** What a member says of itself; null while it is down, paused, recovering or stopped. */
export function observe(life: Life | null): ObservedStatus | null {
  if (life === null || life.host === null || life.stopped || life.process.isPaused) {
    return null;
  }
  const { applied, committed: commit, role, term } = life.host;
  return { term, role, commit, applied };
}

/** Who has the addresses of whom: everybody in the newest configuration but the member itself. */
export function peersOf({ id, members }: MemberParts): readonly NodeId[] {
  return members().filter((member) => member !== id);
}

/** Whether entries stand in the log in one form or another. The API of etcd proposes without the member. */
export function storesForms({ etcd, mixedVersions }: SeedPlan): boolean {
  return mixedVersions && etcd === null;
}
