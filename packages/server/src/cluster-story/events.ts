/** What a story tells: everything that happens to a cluster which somebody watching it wants to know, as data. */
import { type HostEvent, type MessageType, noNode, type Role } from "@quorate/raft";

/** One event. `server` is the one it happened to. */
export type StoryEvent =
  | { readonly event: "started"; readonly server: number; readonly port: number; readonly role: Role }
  | { readonly event: "role"; readonly server: number; readonly role: Role; readonly term: number }
  | {
      readonly event: "follows";
      readonly server: number;
      readonly leader: number;
      readonly term: number;
    }
  /** Its election time-out has passed. */
  | { readonly event: "leader-missed"; readonly server: number; readonly term: number }
  /** Only with `--verbose`. */
  | {
      readonly event: "vote-refused";
      readonly server: number;
      readonly to: number;
      readonly term: number;
      readonly why: string;
    }
  /** Only with `--verbose`. */
  | {
      readonly event: "message";
      readonly message: MessageType;
      readonly from: number;
      readonly to: number;
      readonly term: number;
    }
  | { readonly event: "killed"; readonly server: number; readonly role: Role }
  | { readonly event: "paused"; readonly server: number; readonly role: Role }
  | { readonly event: "resumed"; readonly server: number }
  | { readonly event: "partitioned"; readonly groups: readonly (readonly number[])[] }
  | { readonly event: "healed" }
  | { readonly event: "transfer"; readonly server: number; readonly to: number | null }
  | {
      readonly event: "members";
      readonly index: number;
      readonly voters: readonly number[];
      readonly learners: readonly number[];
    }
  | { readonly event: "removed"; readonly server: number }
  | { readonly event: "written"; readonly server: number; readonly count: number; readonly index: number }
  | { readonly event: "snapshot-made"; readonly server: number; readonly index: number }
  | { readonly event: "snapshot-installed"; readonly server: number; readonly index: number }
  | { readonly event: "failed"; readonly server: number; readonly why: string }
  | { readonly event: "refused"; readonly action: string; readonly why: string }
  | { readonly event: "stopping" }
  | { readonly event: "stopped" };

/** Takes the events in the order in which they happen. */
export type Tell = (event: StoryEvent) => void;

/** What an event of a member's host means to the story; null where it means nothing. */
export function storyOf(server: number, event: HostEvent): StoryEvent | null {
  switch (event.type) {
    case "role":
      // RAFT §9.6: the trial election begins when the time-out has passed.
      return event.role === "pre-candidate"
        ? { event: "leader-missed", server, term: event.term }
        : { event: "role", server, role: event.role, term: event.term };
    case "leader":
      // Its own role says that it leads; that it knows nobody is no news when a new term begins.
      return event.leader === server || event.leader === noNode
        ? null
        : { event: "follows", server, leader: event.leader, term: event.term };
    case "conf-state":
      return {
        event: "members",
        index: event.index,
        voters: event.confState.voters,
        learners: event.confState.learners,
      };
    case "request-refused":
      return event.request === "request-vote"
        ? { event: "vote-refused", server, to: event.from, term: event.term, why: event.refusal }
        : null;
    case "snapshot-made":
    case "snapshot-installed":
      return { event: event.type, server, index: event.snapshot.index };
    default:
      return null;
  }
}
