/**
 * A client of the API: it writes and reads through whichever member it likes, gives up after its deadline, and holds every answer
 * against the model. A write is found in the log; a linearizable read shows at least what had been applied anywhere when it was asked,
 * and any read shows exactly the state of the revision that it names.
 */
import type { Prng } from "@quorate/base";
import { type KvErrorCode, kvErrors, type RangeRequest, type TxnRequest } from "@quorate/kv";
import type { NodeId } from "@quorate/raft";
import type { CallEnd, CallHead } from "../etcd/client-calls.ts";
import type { ClientNetwork } from "../etcd/client-network.ts";
import type { EtcdOracle } from "../etcd/etcd-oracle.ts";
import { Message } from "../etcd/protobuf.ts";
import { type ClientCommand, encodeRequest, methodOf } from "../etcd/requests.ts";
import { type AnswerKind, messageText, refusalText, textOf } from "../etcd/texts.ts";
import { promise } from "../violation.ts";
import type { World } from "../world.ts";
import type { OperationCount } from "./operation-count.ts";

/** What a client is told. `lost`: nobody knows what became of it. */
export type Answer =
  | {
      readonly kind: "done";
      readonly message: Message;
      /** Of the header. */
      readonly revision: number;
      readonly text: string;
    }
  /** Null: an error of a queue, which has no code. */
  | { readonly kind: "refused"; readonly code: KvErrorCode | null }
  | { readonly kind: "lost" };

/** What all clients of a run share. */
export interface ClientKit {
  readonly world: World;
  readonly network: ClientNetwork;
  readonly oracle: EtcdOracle;
  readonly counts: OperationCount;
  readonly deadlineMs: number;
  readonly meanThinkMs: number;
  /** Of the newest configuration. */
  readonly members: () => readonly NodeId[];
  /** Whether new requests are made. */
  readonly isActive: () => boolean;
}

const codeOfText: ReadonlyMap<string, KvErrorCode> = new Map(
  // ORDER: codes are names, none of them an integer.
  Object.entries(kvErrors).map(([code, { text }]) => [text, code as KvErrorCode]),
);

/** ETCD: what a lock says to who lost its place while it waited. */
const expiredSession = "mutex: session is expired";

/** Errors that promise that a write has no effect and never will. */
const neverApplied: ReadonlySet<KvErrorCode> = new Set([
  "KV_NO_LEADER",
  "KV_LEADER_CHANGED",
  "KV_REQUEST_TOO_MANY_REQUESTS",
  "KV_NOT_SUPPORTED_FOR_LEARNER",
  "KV_REQUEST_TOO_LARGE",
  "KV_TOO_MANY_OPS",
  "KV_DUPLICATE_KEY",
]);

/** Errors that the state machine answers, at the command's place in the log. */
const applied: ReadonlySet<KvErrorCode> = new Set([
  "KV_COMPACTED",
  "KV_FUTURE_REV",
  "KV_LEASE_NOT_FOUND",
  "KV_LEASE_EXIST",
  "KV_KEY_NOT_FOUND",
  "KV_USER_ALREADY_EXIST",
  "KV_ROLE_ALREADY_EXIST",
  "KV_ROLE_NOT_GRANTED",
]);

/** Errors that either the member gives before, or the state machine at the command's place. */
const ineffective: ReadonlySet<KvErrorCode> = new Set([
  "KV_NO_SPACE",
  "KV_USER_EMPTY",
  "KV_USER_NOT_FOUND",
  "KV_PERMISSION_DENIED",
  "KV_AUTH_OLD_REVISION",
]);

/** See the head of this file. */
export class Client {
  readonly kit: ClientKit;
  /** Of the present act: what shrinking leaves out shifts nothing in the acts that stay. */
  random: Prng;
  readonly name: string;
  /** Whose certificate it shows, where access control is on. */
  readonly user: string;
  #openCount = 0;
  #actCount = 0;

  constructor(kit: ClientKit, name: string, user: string = "root") {
    this.kit = kit;
    this.name = name;
    this.user = user;
    this.random = kit.world.random.stream(`client-${name}`);
  }

  /** Requests that wait for an answer. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Acts after a while, again and again; `act` is given what to call when it has done so. */
  loop(act: (again: () => void) => void): void {
    const { isActive, meanThinkMs, world } = this.kit;
    this.#actCount++;
    this.random = world.random.stream(`client-${this.name}-${this.#actCount}`);
    const pauseMs = this.random.integer(0, 2 * meanThinkMs) * world.clientPace;
    world.schedule(pauseMs, () => {
      if (!isActive()) {
        return;
      }
      if (world.steps.admit("operation")) {
        act(() => this.loop(act));
      } else {
        this.loop(act);
      }
    });
  }

  /** Does something once, after a while, unless the run is over by then. */
  later(delayMs: number, work: () => void): void {
    this.kit.world.schedule(delayMs, () => {
      if (this.kit.isActive()) {
        work();
      }
    });
  }

  /** A member, whichever. */
  node(): NodeId {
    return this.random.pick(this.kit.members());
  }

  /** Asks for a command. */
  write(command: ClientCommand, done: (answer: Answer) => void): void {
    const { commands, lastIndex } = this.kit.oracle;
    commands.ask(command);
    this.ask(methodOf(command), encodeRequest(command), command.type, (answer) => {
      if (answer.kind === "done") {
        commands.answered(command, { ...answer, askedAfter: lastIndex });
      } else if (answer.kind === "refused") {
        this.#refused(command, answer.code, lastIndex);
      }
      done(answer);
    });
  }

  #refused(command: ClientCommand, code: KvErrorCode | null, askedAfter: number): void {
    const { commands } = this.kit.oracle;
    if (code === null) {
      return;
    }
    if (neverApplied.has(code)) {
      this.kit.counts.add("refused-write");
      commands.refused(command);
    } else if (applied.has(code)) {
      commands.answered(command, { askedAfter, revision: null, text: refusalText(code) });
    } else if (ineffective.has(code)) {
      commands.ineffective(command);
    }
  }

  /** Reads a range, by default in its own name. */
  read(request: RangeRequest, done: (answer: Answer) => void, node?: NodeId, user?: string): void {
    const { model } = this.kit.oracle;
    const floor = { revision: model.revision, compactRevision: model.compactRevision };
    const told = (answer: Answer): void => {
      if (answer.kind === "done") {
        this.#checkRead(
          answer,
          request.serializable,
          floor.revision,
          () => model.range(request, answer.revision),
          () => JSON.stringify({ ...request, key: textOf(request.key), rangeEnd: textOf(request.rangeEnd) }),
        );
        promise(
          request.serializable || request.revision <= 0 || request.revision >= floor.compactRevision,
          "kv-model",
          () =>
            `a range at revision ${request.revision} is answered; ${floor.compactRevision} was compacted before`,
        );
      } else if (answer.kind === "refused") {
        this.#checkRefusedRead(request, answer.code, floor.revision);
      }
      done(answer);
    };
    this.ask(methodOf(request), encodeRequest(request), "range", told, node, user);
  }

  /** Reads by a transaction that writes nothing. */
  readTxn(txn: TxnRequest, done: (answer: Answer) => void): void {
    const { model } = this.kit.oracle;
    const floor = model.revision;
    this.ask(methodOf(txn), encodeRequest(txn), "txn", (answer) => {
      if (answer.kind === "done") {
        const expected = (): string => model.readTxn(txn, answer.revision);
        this.#checkRead(answer, false, floor, expected, () => "by a transaction");
      }
      done(answer);
    });
  }

  /** Asks anything; the answer's text is right only where `kind` is that of a method that this client knows. */
  ask(
    path: string,
    request: Uint8Array,
    kind: AnswerKind | null,
    done: (answer: Answer) => void,
    node: NodeId = this.node(),
    user: string = this.user,
  ): void {
    const { deadlineMs, network, world } = this.kit;
    this.#openCount++;
    network.unary(node, { ...this.head(path), commonName: user }, request, deadlineMs, (end) => {
      this.#openCount--;
      const answer = this.#answer(end, kind);
      world.log(`client ${this.name} ${path.slice(path.lastIndexOf("/") + 1)} ${describe(answer)}`);
      done(answer);
    });
  }

  /** What goes along with a call. */
  head(path: string, metadata: CallHead["metadata"] = noMetadata): CallHead {
    return { path, metadata, commonName: this.user };
  }

  #answer(end: CallEnd, kind: AnswerKind | null): Answer {
    const { counts, oracle } = this.kit;
    if (end.kind === "lost") {
      counts.add("lost-answer");
      return end;
    }
    if (end.kind === "error") {
      const code = end.message === expiredSession ? null : codeOfText.get(end.message);
      promise(code !== undefined, "invariant", () => `an error that etcd does not have: ${end.message}`);
      return { kind: "refused", code };
    }
    const message = new Message(end.bytes);
    const revision = message.message(1)?.number(3) ?? 0;
    promise(
      revision <= oracle.model.revision,
      "kv-model",
      () => `an answer names revision ${revision}; the newest is ${oracle.model.revision}`,
    );
    return { kind: "done", message, revision, text: kind === null ? "" : messageText(kind, message) };
  }

  #checkRead(
    answer: Extract<Answer, { readonly kind: "done" }>,
    isSerializable: boolean,
    floor: number,
    expected: () => string,
    what: () => string,
  ): void {
    promise(
      isSerializable || answer.revision >= floor,
      "linearizable-reads",
      () => `a read shows revision ${answer.revision}; ${floor} had been applied before it was asked for`,
    );
    const text = expected();
    promise(
      answer.text === text,
      "kv-model",
      () => `a read ${what()} at revision ${answer.revision} answers '${answer.text}', not '${text}'`,
    );
  }

  #checkRefusedRead({ revision, serializable }: RangeRequest, code: KvErrorCode | null, floor: number): void {
    if (code === "KV_COMPACTED") {
      const { compactRevision } = this.kit.oracle.model;
      promise(
        revision > 0 && revision < compactRevision,
        "kv-model",
        () => `a range at revision ${revision} is refused as compacted, at ${compactRevision}`,
      );
      this.kit.counts.add("range-compacted");
    } else if (code === "KV_FUTURE_REV") {
      promise(
        serializable || revision > floor,
        "linearizable-reads",
        () => `a range at revision ${revision} is refused as in the future; ${floor} had been applied before`,
      );
    }
  }
}

const noMetadata: ReadonlyMap<string, string> = new Map();

function describe(answer: Answer): string {
  switch (answer.kind) {
    case "done":
      return `done at ${answer.revision}`;
    case "refused":
      return answer.code ?? expiredSession;
    case "lost":
      return "lost";
  }
}
