/** What clients, operators and checkers ask of a member: a process that is down, or dies before it answers, never does. */
import { ByteWriter, must } from "@quorate/base";
import { writeOnBehalf } from "@quorate/kv";
import {
  encodeSessionCommand,
  type MembershipChange,
  type MembershipOutcome,
  type NodeId,
  type ProposalOutcome,
} from "@quorate/raft";
import { type Life, type MemberParts, storesForms } from "./member-parts.ts";
import { encodePut } from "./observed-machine.ts";
import type { MachineResult } from "./session-machine.ts";
import { entryCodecOf } from "./versions.ts";
import type { PutAnswer, ReadAnswer } from "./workload.ts";

/** One per member. */
export class MemberRequests {
  readonly #parts: MemberParts;
  readonly #current: () => Life | null;

  /** @param current The life that there is, null between two of them. */
  constructor(parts: MemberParts, current: () => Life | null) {
    this.#parts = parts;
    this.#current = current;
  }

  /** Proposes a put. */
  put(key: string, value: string, answered: (answer: PutAnswer) => void): void {
    const command = this.#ownCommand(encodePut(key, value));
    const bytes = this.#parts.plan.sessions ? encodeSessionCommand({ kind: "plain", command }) : command;
    this.propose(bytes, (outcome) => answered(putAnswer(outcome)));
  }

  /** The register belongs to the members: where access control may be on, it stands for no user. */
  #ownCommand(command: Uint8Array): Uint8Array {
    if ((this.#parts.plan.etcd?.userCount ?? 0) === 0) {
      return command;
    }
    const writer = new ByteWriter(command.length + 8);
    writeOnBehalf(writer, { kind: "server" }, command);
    return writer.finish();
  }

  /** Proposes what stands for a command here. */
  propose(bytes: Uint8Array, done: (outcome: ProposalOutcome<MachineResult>) => void): void {
    const life = this.#current();
    life?.process.enter(() => {
      const stored = storesForms(this.#parts.plan) ? entryCodecOf(life.version).encode(bytes) : bytes;
      life.host?.propose(stored, (outcome) => this.#tell(life, () => done(outcome)));
    });
  }

  /** A linearizable read. */
  read(key: string, answered: (answer: ReadAnswer) => void): void {
    const life = this.#current();
    life?.process.enter(() => {
      life.host?.read((outcome) =>
        this.#tell(life, () =>
          answered(
            outcome.kind === "ready"
              ? { kind: "value", value: life.machine.valueAt(key) }
              : { kind: "refused" },
          ),
        ),
      );
    });
  }

  /** Asks for a change of the membership. */
  changeMembers(change: MembershipChange, answered: (outcome: MembershipOutcome) => void): void {
    const life = this.#current();
    life?.process.enter(() => {
      life.host?.changeMembers(change, (outcome) => this.#tell(life, () => answered(outcome)));
    });
  }

  /** Asks that leadership be handed over. */
  handOver(to: NodeId | null, done: (isDone: boolean) => void): void {
    const life = this.#current();
    life?.process.enter(() => {
      life.host?.handOver(to, (outcome) => this.#tell(life, () => done(outcome.kind === "done")));
    });
  }

  /** What the running process has not finished, in words. */
  waiting(): readonly string[] {
    const status = must(this.#current()?.host ?? null, "member: does not run").status();
    const appends = status.progress.reduce((sum, { inflightCount }) => sum + inflightCount, 0);
    const counts: readonly (readonly [number, string])[] = [
      [status.pendingProposalCount, "proposals"],
      [status.persistingCount, "batches on their way to the disk"],
      [status.snapshotTransferCount, "images on their way"],
      [appends, "appends on their way"],
    ];
    return counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  }

  /** An answer to somebody outside; a process that has ended gives none. */
  #tell(life: Life, answer: () => void): void {
    if (life.process.isAlive) {
      this.#parts.watch.check(answer);
    }
  }
}

/** A put that the state machine refuses, as when an alarm is on, has not happened. */
function putAnswer(outcome: ProposalOutcome<MachineResult>): PutAnswer {
  if (outcome.kind !== "applied") {
    return { kind: outcome.kind };
  }
  const { index, result } = outcome;
  const isRefused = result.kind === "applied" && result.result.type === "refused";
  return isRefused ? { kind: "refused" } : { kind: "applied", index };
}
