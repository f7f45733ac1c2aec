/** What went wrong around etcd with clients that ask again: the same schedule, and what must hold here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeSessionCommand,
  type LogIndex,
  type ProposalOutcome,
  sessionLimitsDefault,
} from "@quorate/raft";
import { encodePut } from "../../src/observed-machine.ts";
import type { MachineResult } from "../../src/session-machine.ts";
import { Scene } from "./scene.ts";

// etcd #14890, #18424 (Jepsen on jetcd): a client sent a transaction again after its connection broke, although the first attempt had been carried out; it took place twice, and histories were not serializable.
// Here what may be sent again carries a session and a number, and is carried out once, whatever was lost and whoever leads.
test("etcd #14890, #18424: a put whose answer was lost is sent again under the next leader, and happens once", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const scene = new Scene(3, { sessions: true }, seed);
    const leader = scene.begin();
    const { history } = scene.cluster.oracle;
    const send = (
      node: typeof leader,
      bytes: Uint8Array,
    ): { outcome: ProposalOutcome<MachineResult> | null } => {
      const sent: { outcome: ProposalOutcome<MachineResult> | null } = { outcome: null };
      scene.cluster.propose(node, bytes, (outcome) => {
        sent.outcome = outcome;
      });
      return sent;
    };
    const opened = send(leader, encodeSessionCommand({ kind: "register", limits: sessionLimitsDefault }));
    scene.until("a session", () => opened.outcome?.kind === "applied");
    const answer = opened.outcome?.kind === "applied" ? opened.outcome.result : null;
    assert.ok(answer?.kind === "registered");
    history.begin("put", "k", `v${seed}`, scene.world.nowMs);
    const command = encodeSessionCommand({
      kind: "command",
      session: answer.session as LogIndex,
      sequence: 1,
      lowestPending: 1,
      command: encodePut("k", `v${seed}`),
    });
    const before = scene.cluster.revisionOf(leader);
    send(leader, command.slice());
    scene.run(3 * seed);
    scene.cluster.crash(leader);
    scene.until("another leader", () => ![null, leader].includes(scene.cluster.leader()));
    const next = scene.cluster.leader() ?? leader;
    const again = send(next, command.slice());
    scene.until("an answer", () => again.outcome !== null);
    scene.run(500);
    const third = send(scene.other(leader, next), command.slice());
    scene.until("another answer", () => third.outcome !== null);
    assert.deepEqual([again.outcome?.kind, third.outcome?.kind], ["applied", "applied"]);
    assert.equal(scene.cluster.revisionOf(next), before + 1, "the put took place once");
    scene.cluster.restart(leader);
    scene.checkEqual();
  }
});
