/** What can happen to one member, and a number for each, so that the way to a state of a member is a list of numbers. */
import { assert, emptyBytes } from "@quorate/base";
import { type ConfChange, type Message, type NodeId, toNodeId } from "@quorate/raft";

/** One thing that happens to one member. */
export type LocalInput =
  | { readonly kind: "deliver"; readonly message: Message }
  | { readonly kind: "campaign" }
  /** The leader appends what nobody has proposed in its term before. */
  | { readonly kind: "propose" }
  | { readonly kind: "change"; readonly change: ConfChange }
  | { readonly kind: "heartbeat" }
  /** The oldest batch is durable. */
  | { readonly kind: "disk" };

/** Where several follow, the first of them. */
const numbers = { disk: 0, heartbeat: 1, campaign: 2, propose: 3, removal: 8, replacement: 64, message: 128 };

/** The disk finishes a batch. */
export const diskInput: number = numbers.disk;
/** A round of heartbeats. */
export const heartbeatInput: number = numbers.heartbeat;
/** An election begins. */
export const campaignInput: number = numbers.campaign;
/** A proposal. */
export const proposeInput: number = numbers.propose;

/** A message by its number. */
export function messageInput(message: number): number {
  assert(message > 0, "explorer: an empty place is no message");
  return numbers.message + message;
}

/** The removal of a voter; members count from 0 here and below. */
export function removalInput(voter: number): number {
  return numbers.removal + voter;
}

/** A voter is replaced by a member that is none. */
export function replacementInput(voter: number, spare: number): number {
  return numbers.replacement + voter * 8 + spare;
}

/** The inverse of the functions above. */
export function inputOf(number: number, message: (number: number) => Message): LocalInput {
  if (number > numbers.message) {
    return { kind: "deliver", message: message(number - numbers.message) };
  }
  if (number >= numbers.replacement) {
    const place = number - numbers.replacement;
    return change({ op: "remove", id: idAt(place >> 3) }, { op: "add-voter", id: idAt(place & 7) });
  }
  if (number >= numbers.removal) {
    return change({ op: "remove", id: idAt(number - numbers.removal) });
  }
  for (const kind of ["disk", "heartbeat", "campaign", "propose"] as const) {
    if (numbers[kind] === number) {
      return { kind };
    }
  }
  throw new RangeError(`no input has the number ${number}`);
}

function change(...changes: ConfChange["changes"]): LocalInput {
  return { kind: "change", change: { transition: "auto", changes, context: emptyBytes } };
}

function idAt(place: number): NodeId {
  return toNodeId(place + 1);
}
