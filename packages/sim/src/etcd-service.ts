/** What runs in a member's process beside its host and state machine, as a member sees it. */
import type { KvStateMachine } from "@quorate/kv";
import type { ConfState, HostEvent, NodeId, RaftHost } from "@quorate/raft";
import type { Incarnation } from "./incarnation.ts";
import type { MachineResult } from "./session-machine.ts";

/** What a service is given of one life of its member. */
export interface ServiceParts {
  readonly id: NodeId;
  /** Counts the lives of this member. */
  readonly life: number;
  readonly host: RaftHost<MachineResult>;
  readonly machine: KvStateMachine;
  readonly process: Incarnation;
  /** The configuration that this life began with. */
  readonly confState: ConfState;
  /** The member's clock, which outlives the process, in milliseconds. */
  readonly nowMs: () => number;
}

/** See the head of this file. All but `ended` run inside the process. */
export interface Service {
  tick(): void;
  observe(event: HostEvent): void;
  /** The process is about to stop in good order. */
  stop(): void;
  /** The process is gone. */
  ended(): void;
}
