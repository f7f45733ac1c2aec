/**
 * The way of a command from the API into the log and into the state machine: its session, and the form it is stored in. Both ends
 * are made here, so that they fit. A byte state machine that asks for neither gets the log's bytes as they were submitted.
 */
import {
  encodeSessionCommand,
  entryFormOverheadBytes,
  frameBytesMaxDefault,
  type HostLimits,
  hostDefaults,
  jsonResults,
  noNode,
  type ProposalOutcome,
  type RaftHost,
  type ResultCodec,
  type SessionOutcome,
  type StateMachine,
  sessionCommandOverheadBytes,
  type Waiting,
  withEntryCodec,
  withSessions,
} from "@quorate/raft";
import { createEntryCodec } from "./compression/deflate-entry-codec.ts";
import { JsonMachineAdapter, jsonCodec } from "./json-machine.ts";
import type { Codec, RaftNodeOptions } from "./options.ts";
import type { ProposeSessionCommand } from "./session.ts";

/** Proposes the application's commands. */
export interface Commands<Result> {
  submit(command: Uint8Array, done: (outcome: ProposalOutcome<Result>) => void): Waiting;
  /** Null where the state machine keeps no sessions. */
  readonly proposeInSession: ProposeSessionCommand<Result> | null;
}

/** The state machine as the host runs it, and who proposes to that host. */
export interface CommandPath<Command, Result> {
  /** Null where commands are bytes. */
  readonly codec: Codec<Command> | null;
  readonly limits: Partial<HostLimits> | undefined;
  /** Makes the host around the machine. */
  start(create: <R>(machine: StateMachine<R>, limits: Partial<HostLimits> | undefined) => RaftHost<R>): {
    readonly host: RaftHost<unknown>;
    readonly commands: Commands<Result>;
  };
}

type Propose<R> = (command: Uint8Array, done: (outcome: ProposalOutcome<R>) => void) => Waiting;

/** What `options` ask for. */
export function commandPathOf<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
): CommandPath<Command, Result> {
  const { entryCompression, limits } = options;
  if ("stateMachine" in options) {
    const codec = options.codec ?? jsonCodec<Command>();
    const machine = new JsonMachineAdapter(options.stateMachine, codec);
    const results = options.results ?? jsonResults<Result>();
    return { codec, limits, start: (create) => startInSessions(create, machine, results, options) };
  }
  const { byteStateMachine: machine, results } = options;
  if (results !== undefined) {
    return { codec: null, limits, start: (create) => startInSessions(create, machine, results, options) };
  }
  return {
    codec: null,
    limits,
    start: (create) => {
      const { host, propose } = startStored(create, machine, options, entryCompression !== undefined, 0);
      return { host, commands: { submit: propose, proposeInSession: null } };
    },
  };
}

type Create = Parameters<CommandPath<never, never>["start"]>[0];
type Storing = Pick<RaftNodeOptions<never, never>, "entryCompression" | "limits">;

function startInSessions<Result>(
  create: Create,
  machine: StateMachine<Result>,
  results: ResultCodec<Result>,
  options: Storing,
): { readonly host: RaftHost<unknown>; readonly commands: Commands<Result> } {
  const { host, propose } = startStored<SessionOutcome<Result>>(
    create,
    withSessions(machine, { results }),
    options,
    true,
    sessionCommandOverheadBytes,
  );
  const bytesMax = options.limits?.commandBytesMax ?? hostDefaults.commandBytesMax;
  const submit: Propose<Result> = (command, done) => {
    if (command.length > bytesMax) {
      done({ kind: "refused", reason: "too-large", leader: noNode });
      return { abandon: () => {} };
    }
    return propose(encodeSessionCommand({ kind: "plain", command }), (outcome) => {
      done(outcome.kind === "applied" ? { ...outcome, result: plainResult(outcome.result) } : outcome);
    });
  };
  return { host, commands: { submit, proposeInSession: propose } };
}

function plainResult<Result>(outcome: SessionOutcome<Result>): Result {
  if (outcome.kind !== "applied") {
    throw new Error("a plain command got a session's answer");
  }
  return outcome.result;
}

/** With `isCoded` commands are stored behind the byte that says in which form. */
function startStored<R>(
  create: Create,
  machine: StateMachine<R>,
  { entryCompression, limits }: Storing,
  isCoded: boolean,
  overheadBytes: number,
): { readonly host: RaftHost<R>; readonly propose: Propose<R> } {
  if (!isCoded) {
    const host = create(machine, limits);
    return { host, propose: (command, done) => host.propose(command, done) };
  }
  const entries = createEntryCodec(entryCompression ?? { algorithm: "none" });
  // The limit is on what the application submits; what is stored around it does not count.
  const bytesMax = limits?.commandBytesMax;
  const stored =
    bytesMax === undefined
      ? limits
      : { ...limits, commandBytesMax: storedBytesMax(bytesMax, overheadBytes + entryFormOverheadBytes) };
  const host = create(withEntryCodec(machine, entries), stored);
  return { host, propose: (command, done) => host.propose(entries.encode(command), done) };
}

/** A limit that is too high stays so, to be refused with all other problems. */
function storedBytesMax(bytesMax: number, overheadBytes: number): number {
  const highest = frameBytesMaxDefault / 2;
  return bytesMax > highest ? bytesMax : Math.min(bytesMax + overheadBytes, highest);
}
