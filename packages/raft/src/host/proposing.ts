/**
 * Commands on their way into a log: those of this member in batches of one turn, to the core or to the leader; and those that
 * followers hand over, each request taken up whole or not at all.
 */
import { assert } from "@quorate/base";
import { type NodeId, noNode, offsetIndex } from "../types/ids.ts";
import type { ProposalRefusal, ProposeResult } from "../types/proposal.ts";
import { coreOf, emit, type Group, leaderOf, sendFrame } from "./group.ts";
import type { PeerFrame } from "./ports.ts";
import type { Proposal } from "./proposals.ts";

/** Proposes what was admitted since the last turn, in batches of about one append each. */
export function submitProposals<Result>(group: Group<Result>): void {
  const queue = group.proposals.takeQueue();
  let start = 0;
  let bytes = 0;
  for (let end = 0; end < queue.length; end++) {
    bytes += (queue[end] as Proposal<Result>).command.length;
    const alone = group.options.buggify?.("propose-alone") ?? false;
    if (end === queue.length - 1 || bytes >= group.appendBytesMax || alone) {
      submit(group, start === 0 && end === queue.length - 1 ? queue : queue.slice(start, end + 1));
      start = end + 1;
      bytes = 0;
    }
  }
}

function submit<Result>(group: Group<Result>, batch: readonly Proposal<Result>[]): void {
  assert(batch.length > 0, "host: empty batch");
  const core = coreOf(group);
  const result = core.propose(batch.map((proposal) => proposal.command));
  if (result.ok) {
    assert(!result.forwarded, "host: the core does not forward");
    batch.forEach((proposal, i) => {
      group.proposals.track(proposal, offsetIndex(result.firstIndex, i), result.term);
    });
    return;
  }
  if (result.reason === "not-leader" && result.leader !== noNode) {
    group.counters.proposalsForwarded += batch.length;
    group.forwarding.forward(batch, result.leader, core.term);
    return;
  }
  for (const proposal of batch) {
    proposal.refuse(result.reason, result.leader);
  }
  emit(group, { type: "proposals-refused", reason: result.reason, count: batch.length });
}

/** A follower's request; the answer says where its commands stand, or that none of them reached a log. */
export function takeForwarded<Result>(
  group: Group<Result>,
  from: NodeId,
  frame: PeerFrame & { readonly kind: "propose" },
): void {
  const { commands, requestId, term } = frame;
  const core = coreOf(group);
  if (!group.intake.admits(from, requestId, term, core.term)) {
    group.counters.framesRefused++;
    return;
  }
  const refusal = refusalOf(group, commands);
  const result = refusal === null ? core.propose(commands) : refusal;
  if (result.ok) {
    assert(!result.forwarded, "host: the core does not forward");
    const { firstIndex } = result;
    const count = commands.length;
    sendFrame(group, from, { kind: "propose-accepted", requestId, term: result.term, firstIndex, count });
  } else {
    const { leader, reason } = result;
    sendFrame(group, from, { kind: "propose-refused", requestId, reason, leader });
  }
}

function refusalOf<Result>(
  group: Group<Result>,
  commands: readonly Uint8Array[],
): (ProposeResult & { readonly ok: false }) | null {
  const refuse = (reason: ProposalRefusal): ProposeResult & { readonly ok: false } => ({
    ok: false,
    reason,
    leader: leaderOf(group),
  });
  if (group.state !== "running") {
    return refuse("stopped");
  }
  const max = group.limits.commandBytesMax;
  if (commands.length === 0 || commands.some(({ length }) => length === 0 || length > max)) {
    return refuse("too-large");
  }
  return null;
}
