/**
 * The state machine as a host runs it: with sessions or without, in either case with the answers that sessions give, so that everything
 * above handles one kind. RAFT §6.3.
 */
import { ByteReader, ByteWriter } from "@quorate/base";
import { type KvResult, toRevision } from "@quorate/kv";
import { type ResultCodec, type SessionOutcome, type StateMachine, withSessions } from "@quorate/raft";

/** What a proposal is answered with in this world. */
export type MachineResult = SessionOutcome<KvResult>;

/** Clients here put and do nothing else; an answer is the revision that the put made. */
const results: ResultCodec<KvResult> = {
  encode(result) {
    if (result.type !== "put") {
      return null;
    }
    const writer = new ByteWriter(8);
    writer.varint(result.revision);
    return writer.finish();
  },
  decode: (bytes) => ({ type: "put", revision: toRevision(new ByteReader(bytes).varint()), prevKv: null }),
};

/** See the head of this file. */
export function machineOf(
  machine: StateMachine<KvResult>,
  keepsSessions: boolean,
): StateMachine<MachineResult> {
  if (keepsSessions) {
    return withSessions(machine, { results });
  }
  return {
    apply: (command, context) => ({
      kind: "applied",
      result: machine.apply(command, context),
      repeated: false,
    }),
    snapshot: () => machine.snapshot(),
    lastSnapshot: () => machine.lastSnapshot?.() ?? machine.snapshot(),
    restore: () => machine.restore(),
  };
}
