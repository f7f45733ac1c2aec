/** What can happen in a world: packed into one number each, so that the way to a world is a list of numbers. */
import { unreachable } from "@quorate/base";

const kinds = [
  "deliver",
  "campaign",
  "propose",
  "remove",
  "replace",
  "heartbeat",
  "disk",
  "crash",
  "drop",
] as const;

/** See {@link describeAction}. */
export type ActionKind = (typeof kinds)[number];

/** `node` acts; `other` is the sender of what is delivered, or the member that a change is about, or takes in. Both from 0. */
interface Action {
  readonly kind: ActionKind;
  readonly node: number;
  readonly other: number;
  /** The member that is added in place of `other`; or the place on the link of what is dropped. */
  readonly spare: number;
}

/** One number for one action. */
export function packAction(kind: ActionKind, node: number, other = 0, spare = 0): number {
  return ((kinds.indexOf(kind) * 8 + node) * 8 + other) * 8 + spare;
}

/** The inverse of {@link packAction}. */
export function unpackAction(packed: number): Action {
  const kind = kinds[packed >> 9] as ActionKind;
  return { kind, node: (packed >> 6) & 7, other: (packed >> 3) & 7, spare: packed & 7 };
}

/** One line for people; members count from 1. */
export function describeAction({ kind, node, other, spare }: Action): string {
  switch (kind) {
    case "deliver":
      return `${node + 1} receives from ${other + 1}`;
    case "campaign":
      return `${node + 1} campaigns`;
    case "propose":
      return `${node + 1} takes a proposal`;
    case "remove":
      return `${node + 1} proposes to remove ${other + 1}`;
    case "replace":
      return `${node + 1} proposes to replace ${other + 1} by ${spare + 1}`;
    case "heartbeat":
      return `${node + 1} sends heartbeats`;
    case "disk":
      return `${node + 1}'s disk finishes a batch`;
    case "crash":
      return `${node + 1} crashes and starts again`;
    case "drop":
      return `${node + 1} would ignore message ${spare + 1} from ${other + 1}, which counts no more`;
    default:
      return unreachable(kind);
  }
}
