/** What the transport delivered, taken in at the beginning of a turn: each frame to the part that it is for. */
import { assert } from "@quorate/base";
import type { NodeId } from "../types/ids.ts";
import type { Message } from "../types/message.ts";
import { coreOf, emit, type Group, type Input, schedule } from "./group.ts";
import { takeChunk } from "./installing.ts";
import { stepMessage } from "./outgoing.ts";
import type { PeerFrame } from "./ports.ts";
import { takeForwarded } from "./proposing.ts";
import { answerRepair } from "./repair-answer.ts";

/** Keeps an input for the next turn. */
export function takeInput<Result>(group: Group<Result>, input: Input): void {
  if (group.state !== "stopped") {
    group.inputs.push(input);
    schedule(group);
  }
}

/** Takes in what waits; what arrives from within belongs to the next turn. */
export function drainInputs<Result>(group: Group<Result>): void {
  const { counters, inputs, membership } = group;
  for (let rest = inputs.length; rest > 0; rest--) {
    const input = inputs.shift();
    assert(input !== undefined, "host: input vanished");
    if (input.kind === "frame") {
      counters.framesReceived++;
      membership.liveness.heard(input.from);
      handleFrame(group, input.from, input.frame);
    } else if (input.kind === "unreachable") {
      handleUnreachable(group, input.peer);
    } else {
      group.failOver?.gone(input.peer, input.reason);
    }
  }
  group.failOver?.look();
}

function handleUnreachable<Result>(group: Group<Result>, peer: NodeId): void {
  coreOf(group).reportUnreachable(peer);
  group.membership.forgetStranger(peer);
  group.forwarding.connectionLost(peer);
  group.requests.connectionLost(peer);
  emit(group, { type: "peer-unreachable", peer });
}

function handleFrame<Result>(group: Group<Result>, from: NodeId, frame: PeerFrame): void {
  switch (frame.kind) {
    case "message":
      handleMessage(group, from, frame.message);
      return;
    case "propose":
      takeForwarded(group, from, frame);
      return;
    case "propose-accepted":
      group.forwarding.accepted(from, frame);
      return;
    case "propose-refused":
      group.forwarding.refused(from, frame);
      return;
    case "request":
      if (!group.requests.taken(from, frame)) {
        group.counters.framesRefused++;
      }
      return;
    case "answer":
      group.requests.answered(from, frame);
      return;
    case "snapshot-chunk":
      takeChunk(group, from, frame);
      return;
    case "snapshot-answer":
      group.sender.answered(from, frame);
      return;
    case "repair-request":
      group.counters.framesRefused += answerRepair(group, from, frame) ? 0 : 1;
      return;
    case "repair-answer":
      group.counters.framesRefused += group.repair.answered(from, frame) ? 0 : 1;
      return;
  }
}

function handleMessage<Result>(group: Group<Result>, from: NodeId, message: Message): void {
  // Requests that followers pass on keep the name of who asked; everything else speaks for its sender only. A snapshot counts
  // only with its image, which comes in chunks.
  const passedOn = message.type === "read-index" || message.type === "transfer-leadership";
  if ((message.from !== from && !passedOn) || message.type === "install-snapshot") {
    group.counters.framesRefused++;
    return;
  }
  const { committed } = coreOf(group);
  if (message.type === "timeout-now" && group.applyQueue.applied < committed) {
    // RAFT §4.2.2 [removed-leader-hands-over]: a leader that leaves sends this right behind the commit of its removal, and nobody campaigns while a
    // committed change waits to be applied (RAFT §4.1). So the message waits, as it might have done on its way.
    group.handOver = { message, committed };
    return;
  }
  stepMessage(group, message);
}

/** Takes over, once everything is applied that was committed when the leader asked for it. The core drops what its term has left behind. */
export function continueHandOver<Result>(group: Group<Result>): void {
  const { handOver } = group;
  if (handOver !== null && group.applyQueue.applied >= handOver.committed) {
    assert(handOver.message.type === "timeout-now", "host: another message waited");
    group.handOver = null;
    stepMessage(group, handOver.message);
  }
}
