/** What each command of a script does to an {@link Environment}. */
import { emptyBytes, utf8Encode } from "@quorate/base";
import {
  type ConfChangeSingle,
  type ConfChangeTransition,
  type NodeId,
  type SnapshotMetadata,
  toLogIndex,
  toNodeId,
  toTerm,
} from "@quorate/raft";
import { protobufBytes } from "./entry-size.ts";
import type { Environment, Settings } from "./environment.ts";
import type { ScriptCommand } from "./script.ts";
import { progressText, roleText } from "./text-forms.ts";

const electionTimeoutTicks = 3;

/** Carries out `command` and returns what it prints. */
export function runCommand(environment: Environment, command: ScriptCommand): string[] {
  const run = commands[command.name];
  if (run === undefined) throw new Error(`unknown command: ${command.name}`);
  let lines: string[];
  try {
    lines = run(environment, command);
    if (environment.quiet || isQuiet(command.options.get("log-level")?.[0])) lines = [];
  } catch (error) {
    lines = [error instanceof Error ? error.message : String(error)];
  }
  return lines.length === 0 ? ["ok"] : lines;
}

/** What is logged is never printed here; at this level nothing else is, either. */
function isQuiet(level: string | undefined): boolean {
  return level?.toUpperCase() === "NONE";
}

type Run = (environment: Environment, command: ScriptCommand) => string[];

const dropped = ["raft proposal dropped"];

const commands: Readonly<Record<string, Run>> = {
  "add-nodes": addNodes,
  campaign: (env, command) => {
    env.node(idOf(command)).campaign();
    return [];
  },
  propose: (env, command) =>
    env.node(idOf(command)).propose([utf8Encode(command.words[1] ?? "")]).ok ? [] : dropped,
  "propose-conf-change": proposeConfChange,
  "forget-leader": (env, command) => {
    env.node(idOf(command)).forgetLeader();
    return [];
  },
  "transfer-leadership": (env, command) => {
    env.node(numberOf(command, "from")).transferLeadership(toNodeId(numberOf(command, "to")));
    return [];
  },
  "report-unreachable": (env, command) => {
    env.node(idOf(command)).reportUnreachable(idOf(command, 1));
    return [];
  },
  "tick-heartbeat": (env, command) => tick(env, idOf(command), 1),
  "tick-election": (env, command) => tick(env, idOf(command), electionTimeoutTicks),
  "set-randomized-election-timeout": (env, command) => {
    env.node(idOf(command)).unsafeState.randomizedTimeoutTicks = numberOf(command, "timeout");
    return [];
  },
  "process-ready": (env, command) => forEach(command, "handling Ready", (id) => env.processReady(id)),
  "process-append-thread": (env, command) =>
    forEach(command, "processing append thread", (id) => env.processAppend(id)),
  "process-apply-thread": (env, command) =>
    forEach(command, "processing apply thread", (id) => env.processApply(id)),
  "deliver-msgs": deliver,
  stabilize: (env, command) =>
    env.stabilize(command.words.length === 0 ? env.ids() : command.words.map(Number)),
  "read-index": (env, command) => {
    env.readIndex(idOf(command), utf8Encode(command.words[1] ?? ""));
    return [];
  },
  restart: (env, command) => {
    env.restart(idOf(command));
    return [];
  },
  compact: (env, command) => env.compact(idOf(command), Number(command.words[1])),
  "send-snapshot": (env, command) => env.sendSnapshot(idOf(command), idOf(command, 1)),
  "raft-log": (env, command) => env.logLines(idOf(command)),
  "raft-state": raftState,
  status: (env, command) =>
    env
      .node(idOf(command))
      .status()
      .progress.map((progress) => `${progress.id}: ${progressText(progress)}`),
  "log-level": (env, command) => {
    env.quiet = isQuiet(command.words[0]);
    return [];
  },
};

function idOf(command: ScriptCommand, place = 0): NodeId {
  return toNodeId(Number(command.words[place]));
}

function numberOf(command: ScriptCommand, option: string): number {
  return Number(command.options.get(option)?.[0]);
}

function isSet(command: ScriptCommand, option: string): boolean {
  const value = command.options.get(option)?.[0];
  return command.words.includes(option) || (value !== undefined && value !== "false");
}

function addNodes(env: Environment, command: ScriptCommand): string[] {
  const index = numberOf(command, "index");
  const ids = (option: string): NodeId[] =>
    (command.options.get(option) ?? []).map((id) => toNodeId(Number(id)));
  const start: SnapshotMetadata | null = Number.isNaN(index)
    ? null
    : {
        index: toLogIndex(index),
        term: toTerm(1),
        confState: {
          voters: ids("voters"),
          learners: ids("learners"),
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
      };
  for (let i = 0; i < Number(command.words[0]); i++) {
    env.add(settingsOf(command), start);
  }
  return [];
}

function settingsOf(command: ScriptCommand): Settings {
  const limit = (option: string): number => (command.options.has(option) ? numberOf(command, option) : 0);
  const appendBytesMax = command.options.has("max-size-per-msg") ? limit("max-size-per-msg") : Infinity;
  return {
    electionTimeoutTicks,
    heartbeatTicks: 1,
    appendBytesMax,
    inflightCountMax: limit("inflight") || 2 ** 31 - 1,
    inflightBytesMax: Infinity,
    uncommittedBytesMax: Infinity,
    measureEntry: protobufBytes,
    candidacyDurable: false,
    leaveRetried: false,
    handOverCompleted: false,
    staleLeaderAnswered: false,
    staleCandidateAnswered: false,
    trialGrantsMatched: false,
    leaseProtected: false,
    committedBytesPerReadyMax: limit("max-committed-size-per-ready") || appendBytesMax,
    preVote: isSet(command, "prevote"),
    checkQuorum: isSet(command, "checkquorum"),
    readMode: command.options.get("read-only")?.[0] === "lease-based" ? "lease" : "safe",
    asyncStorage: isSet(command, "async-storage-writes"),
    stepDownOnRemoval: isSet(command, "step-down-on-removal"),
    validateConfChanges: !isSet(command, "disable-conf-change-validation"),
    refuseImpossibleConfChanges: false,
  };
}

const operations: Readonly<Record<string, ConfChangeSingle["op"]>> = {
  v: "add-voter",
  l: "add-learner",
  r: "remove",
  u: "update",
};

function proposeConfChange(env: Environment, command: ScriptCommand): string[] {
  const changes = command.input
    .split(" ")
    .filter((token) => token !== "")
    .map((token): ConfChangeSingle => {
      const op = operations[token.slice(0, 1)];
      if (op === undefined) throw new Error(`unknown input: ${token}`);
      return { op, id: toNodeId(Number(token.slice(1))) };
    });
  const transition = (command.options.get("transition")?.[0] ?? "auto") as ConfChangeTransition;
  const form = isSet(command, "v1") ? "single" : "joint";
  const result = env
    .node(idOf(command))
    .proposeConfChange({ transition, changes, context: emptyBytes }, form);
  return result.ok || result.reason === "conf-change" ? [] : dropped;
}

function tick(env: Environment, id: number, count: number): string[] {
  for (let i = 0; i < count; i++) {
    env.node(id).tick();
  }
  return [];
}

function forEach(command: ScriptCommand, what: string, run: (id: number) => string[]): string[] {
  const ids = command.words.map(Number);
  if (ids.length === 1) {
    return run(ids[0] as number);
  }
  return ids.flatMap((id) => [`> ${id} ${what}`, ...run(id).map((line) => `  ${line}`)]);
}

function deliver(env: Environment, command: ScriptCommand): string[] {
  const type = command.options.get("type")?.[0] ?? null;
  const lines: string[] = [];
  let count = 0;
  for (const word of command.words) {
    count += env.deliver(Number(word), type, false, lines);
  }
  for (const id of command.options.get("drop") ?? []) {
    count += env.deliver(Number(id), type, true, lines);
  }
  return count === 0 ? ["no messages"] : lines;
}

function raftState(env: Environment): string[] {
  return env.ids().map((id) => {
    const status = env.node(id).status();
    const { voters, votersOutgoing } = status.confState;
    const voter = voters.includes(id) || votersOutgoing.includes(id) ? "(Voter)" : "(Non-Voter)";
    return `${id}: ${roleText(status.role)} ${voter} Term:${status.hardState.term} Lead:${status.leader}`;
  });
}
