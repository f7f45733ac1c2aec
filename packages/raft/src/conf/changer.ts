/**
 * The algebra of configurations (RAFT §4): from one configuration and a change to the next, or the reason why not. Pure: it
 * knows nothing of logs, terms or progress.
 */
import { assert } from "@quorate/base";
import type { ConfChange, ConfChangeSingle } from "../types/conf-change.ts";
import type { ConfState } from "../types/conf-state.ts";
import type { NodeId } from "../types/ids.ts";
import { validateConfState } from "./restore.ts";

/**
 * The next configuration. `fresh` are members whose progress starts anew: they joined, or left and joined again within the
 * change.
 */
type ChangeOutcome =
  | { readonly ok: true; readonly confState: ConfState; readonly fresh: ReadonlySet<NodeId> }
  | { readonly ok: false; readonly problem: string };

/** The sets of a configuration while a change is worked into them. */
interface Draft {
  readonly voters: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  readonly fresh: Set<NodeId>;
  autoLeave: boolean;
}

/** Whether a joint configuration is in force. */
export function isJoint(confState: ConfState): boolean {
  return confState.votersOutgoing.length > 0;
}

/** Whether `change` asks to leave a joint configuration. */
function leavesJoint(change: ConfChange): boolean {
  return change.transition === "auto" && change.changes.length === 0;
}

/** Whether `change` goes through a joint configuration: asked for, or because several members change. */
function entersJoint(change: ConfChange): boolean {
  return change.transition !== "auto" || change.changes.length > 1;
}

/** Works `change` into `confState`. */
export function changeConf(confState: ConfState, change: ConfChange): ChangeOutcome {
  if (leavesJoint(change)) {
    return leaveJoint(confState);
  }
  if (entersJoint(change)) {
    return enterJoint(confState, change.changes, change.transition !== "explicit");
  }
  return changeSimple(confState, change.changes);
}

/**
 * The old voters become the outgoing half, the changes go into the incoming one. RAFT §4.3: while joint, agreement needs both
 * majorities.
 */
function enterJoint(
  confState: ConfState,
  changes: readonly ConfChangeSingle[],
  autoLeave: boolean,
): ChangeOutcome {
  // RAFT §4.3 [joint-from-simple].
  if (isJoint(confState)) {
    return refuse("the configuration is joint already");
  }
  if (confState.voters.length === 0) {
    return refuse("a configuration without voters cannot become joint");
  }
  const draft = draftOf(confState);
  assert(draft.outgoing.size === 0, "conf: the old half begins empty");
  assert(draft.learnersNext.size === 0, "conf: nobody waits for a demotion yet");
  for (const id of draft.voters) {
    draft.outgoing.add(id);
  }
  draft.autoLeave = autoLeave;
  assert(draft.outgoing.size > 0, "conf: a joint configuration has an old half");
  return applyAll(draft, changes);
}

/** Drops the outgoing half; voters that were to be demoted become learners now. */
function leaveJoint(confState: ConfState): ChangeOutcome {
  if (!isJoint(confState)) {
    return refuse("there is no joint configuration to leave");
  }
  assert(confState.voters.length > 0, "conf: a joint configuration has a new half");
  const draft = draftOf(confState);
  for (const id of draft.learnersNext) {
    assert(!draft.learners.has(id), "conf: learner now and next");
    assert(draft.outgoing.has(id), "conf: only an old voter waits for its demotion");
    draft.learners.add(id);
  }
  draft.learnersNext.clear();
  draft.outgoing.clear();
  draft.autoLeave = false;
  assert(draft.voters.size > 0, "conf: the new half stays");
  return finish(draft);
}

/** A change without a joint configuration. RAFT §4.1 [single-overlap]: majorities overlap when one voter at most changes. */
function changeSimple(confState: ConfState, changes: readonly ConfChangeSingle[]): ChangeOutcome {
  if (isJoint(confState)) {
    return refuse("a joint configuration must be left first");
  }
  assert(changes.length <= 1, "conf: several steps go through a joint configuration");
  const outcome = applyAll(draftOf(confState), changes);
  if (outcome.ok && changedCount(confState.voters, outcome.confState.voters) > 1) {
    return refuse("more than one voter changed without a joint configuration");
  }
  return outcome;
}

function applyAll(draft: Draft, changes: readonly ConfChangeSingle[]): ChangeOutcome {
  for (const change of changes) {
    applySingle(draft, change);
  }
  return draft.voters.size === 0 ? refuse("no voter would be left") : finish(draft);
}

function applySingle(draft: Draft, change: ConfChangeSingle): void {
  assert(change.id > 0, "conf: a change of nobody");
  switch (change.op) {
    case "add-voter":
      makeVoter(draft, change.id);
      break;
    case "add-learner":
      makeLearner(draft, change.id);
      break;
    case "remove":
      remove(draft, change.id);
      break;
    case "update":
      break; // Only the application's context changes.
  }
}

function makeVoter(draft: Draft, id: NodeId): void {
  if (!isMember(draft, id)) {
    draft.fresh.add(id);
  }
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  draft.voters.add(id);
  assert(!draft.learners.has(id), "conf: a voter and a learner");
  assert(!draft.learnersNext.has(id), "conf: a voter that is to be demoted");
}

function makeLearner(draft: Draft, id: NodeId): void {
  if (draft.learners.has(id)) {
    return;
  }
  if (!isMember(draft, id)) {
    draft.fresh.add(id);
  }
  draft.voters.delete(id);
  draft.learnersNext.delete(id);
  // RAFT §4.3: an old voter votes in the outgoing half until the joint configuration is left; it cannot be both.
  (draft.outgoing.has(id) ? draft.learnersNext : draft.learners).add(id);
  assert(!draft.voters.has(id), "conf: a voter and a learner");
  assert(draft.learners.has(id) !== draft.learnersNext.has(id), "conf: a learner now or later");
}

function remove(draft: Draft, id: NodeId): void {
  draft.voters.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  assert(!draft.voters.has(id), "conf: who was removed votes in the new half");
  assert(!isMember(draft, id) || draft.outgoing.has(id), "conf: only the old half remembers who was removed");
}

function isMember(draft: Draft, id: NodeId): boolean {
  return draft.voters.has(id) || draft.outgoing.has(id) || draft.learners.has(id);
}

function draftOf(confState: ConfState): Draft {
  return {
    voters: new Set(confState.voters),
    outgoing: new Set(confState.votersOutgoing),
    learners: new Set(confState.learners),
    learnersNext: new Set(confState.learnersNext),
    fresh: new Set(),
    autoLeave: confState.autoLeave,
  };
}

function finish(draft: Draft): ChangeOutcome {
  const confState: ConfState = {
    voters: ascending(draft.voters),
    learners: ascending(draft.learners),
    votersOutgoing: ascending(draft.outgoing),
    learnersNext: ascending(draft.learnersNext),
    autoLeave: draft.autoLeave,
  };
  assert(confState.voters.length > 0, "conf: somebody votes");
  assert(confState.votersOutgoing.length > 0 || !confState.autoLeave, "conf: nothing to leave by itself");
  assert(validateConfState(confState).length === 0, () => validateConfState(confState).join("; "));
  return { ok: true, confState, fresh: draft.fresh };
}

function refuse(problem: string): ChangeOutcome {
  return { ok: false, problem };
}

function ascending(ids: ReadonlySet<NodeId>): NodeId[] {
  return [...ids].sort((left, right) => left - right);
}

function changedCount(before: readonly NodeId[], after: readonly NodeId[]): number {
  assert(after.length > 0, "conf: somebody votes");
  const left = before.filter((id) => !after.includes(id)).length;
  const joined = after.filter((id) => !before.includes(id)).length;
  return left + joined;
}
