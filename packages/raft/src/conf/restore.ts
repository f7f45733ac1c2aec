/** A configuration from outside (a snapshot, a bootstrap): put in order and checked before anything relies on it. */
import { assert } from "@quorate/base";
import type { ConfState } from "../types/conf-state.ts";
import type { NodeId } from "../types/ids.ts";

/** The same configuration with its lists ascending and without repeats. */
export function normalizeConfState(confState: ConfState): ConfState {
  return {
    voters: ordered(confState.voters),
    learners: ordered(confState.learners),
    votersOutgoing: ordered(confState.votersOutgoing),
    learnersNext: ordered(confState.learnersNext),
    autoLeave: confState.autoLeave,
  };
}

/** What makes `confState` impossible; empty when nothing does. A configuration without members is possible. */
export function validateConfState(confState: ConfState): string[] {
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  const joint = votersOutgoing.length > 0;
  const problems: string[] = [];
  const check = (holds: boolean, problem: string): void => {
    if (!holds) {
      problems.push(problem);
    }
  };
  const ids = [...voters, ...learners, ...votersOutgoing, ...learnersNext];
  check(
    ids.every((id) => Number.isSafeInteger(id) && id > 0),
    "a member id is not between 1 and 2^53-1",
  );
  check(
    learners.every((id) => !voters.includes(id) && !votersOutgoing.includes(id)),
    "a learner is also a voter",
  );
  check(
    learnersNext.every((id) => votersOutgoing.includes(id)),
    "a voter to be demoted is not an outgoing voter",
  );
  check(
    learnersNext.every((id) => !voters.includes(id) && !learners.includes(id)),
    "a voter to be demoted is a learner or an incoming voter",
  );
  check(!joint || voters.length > 0, "a joint configuration has no incoming voters");
  check(joint || !confState.autoLeave, "only a joint configuration is left by itself");
  check(voters.length > 0 || learners.length === 0, "there are learners but no voters");
  return problems;
}

/** Whether `id` is part of `confState` in any way. */
export function isInConfState(confState: ConfState, id: NodeId): boolean {
  assert(id > 0, "conf: nobody is asked for");
  // A voter to be demoted is an outgoing voter, so `learnersNext` adds nobody.
  return (
    confState.voters.includes(id) || confState.votersOutgoing.includes(id) || confState.learners.includes(id)
  );
}

function ordered(ids: readonly NodeId[]): NodeId[] {
  const list = [...new Set(ids)].sort((left, right) => left - right);
  assert(list.length <= ids.length, "conf: nobody is added by putting in order");
  return list;
}
