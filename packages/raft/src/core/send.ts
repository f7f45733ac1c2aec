/**
 * Where messages go: most may leave at once, but what promises durability waits for it. A message never changes after it was
 * sent.
 */
import { assert } from "@quorate/base";
import type { Message } from "../types/message.ts";
import type { RaftState } from "./raft-state.ts";

/** Queues `message` for the next batch. */
export function send(state: RaftState, message: Message): void {
  assert(message.from > 0, "send: no sender");
  assert(message.to > 0, "send: no receiver");
  switch (message.type) {
    // RAFT §3.8 [vote-durable, ack-durable]: a vote and an acknowledgement count only once they are durable. Refusals wait as well: they may rest on
    // state that is not durable yet, and they are rare.
    case "append-response":
    case "vote-response":
    case "pre-vote-response":
      state.messagesAfterPersist.push(message);
      return;
    case "request-vote":
      assert(message.to !== state.id, "send: message to self");
      // RAFT §3.8 [candidacy-durable]: a candidate that forgot its term in a crash could campaign in it again with a shorter log, and be
      // elected by votes that were meant for the longer one.
      if (state.config.candidacyDurable) {
        state.messagesAfterPersist.push(message);
      } else {
        state.messages.push(message);
      }
      return;
    default:
      assert(message.to !== state.id, "send: message to self");
      state.messages.push(message);
  }
}
