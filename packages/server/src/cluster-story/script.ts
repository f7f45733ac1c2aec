/**
 * Scripts of a story: one step a line, in order, `#` begins a comment.
 *
 *     wait leader              until a leader is followed by everybody it can reach
 *     at 2s  kill leader       not before two seconds since the start
 *     after 500ms  heal        half a second after the step before
 *
 * Steps are {@link Action}s; servers are numbers, `leader`, or `follower` (the running one with the lowest number).
 */
import { CommandError } from "../cli/exit-code.ts";

/** Which server. */
export type Target = number | "leader" | "follower";

/** Something to do. */
export type Action =
  | { readonly do: "kill" | "pause" | "resume" | "restart"; readonly target: Target }
  | { readonly do: "remove"; readonly target: Target }
  | { readonly do: "partition"; readonly groups: readonly (readonly Target[])[] }
  | { readonly do: "heal" }
  | { readonly do: "transfer"; readonly target: Target | null }
  | { readonly do: "add" }
  | { readonly do: "write"; readonly count: number }
  | { readonly do: "wait-leader" }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "quit" };

/** One step of a script. */
export interface Step {
  readonly line: number;
  /** As it stands in the script, for messages. */
  readonly text: string;
  /** Not before this time since the start of the story. */
  readonly atMs: number;
  /** So long after the step before. */
  readonly afterMs: number;
  readonly action: Action;
}

const writeCountMax = 100_000;

/** Reads a script; `path` stands in messages. @throws {@link CommandError} naming the first line that is wrong. */
export function parseScript(text: string, path: string): Step[] {
  return text.split("\n").flatMap((written, position) => {
    const line = written.replace(/#.*/, "").trim();
    if (line === "") {
      return [];
    }
    const step = parseStep(line, position + 1);
    if (typeof step === "string") {
      throw new CommandError(`${path}, line ${position + 1}: ${step}`);
    }
    return [step];
  });
}

function parseStep(text: string, line: number): Step | string {
  const timed = /^(at|after)\s+(\S+)\s+(.+)$/.exec(text);
  const ms = timed === null ? 0 : parseDuration(timed[2] ?? "");
  if (ms === null) {
    return `"${timed?.[2]}" is not a time such as 500ms or 2s`;
  }
  const action = parseAction(timed?.[3] ?? text);
  return typeof action === "string"
    ? action
    : {
        line,
        text,
        atMs: timed?.[1] === "at" ? ms : 0,
        afterMs: timed?.[1] === "after" ? ms : 0,
        action,
      };
}

/** Milliseconds of `500ms`, `2s`, `1m`; null where it is none. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (match === null) {
    return null;
  }
  const unit = match[2] === "ms" ? 1 : match[2] === "s" ? 1000 : 60_000;
  return Math.round(Number(match[1]) * unit);
}

function parseAction(text: string): Action | string {
  const [verb = "", ...words] = text.split(/\s+/);
  const rest = words.join(" ");
  switch (verb) {
    case "kill":
    case "pause":
    case "resume":
    case "restart":
    case "remove": {
      const target = parseTarget(rest);
      return target === null ? `${verb} needs a server: a number, leader or follower` : { do: verb, target };
    }
    case "partition":
      return parsePartition(rest);
    case "transfer":
      return parseTransfer(rest);
    case "write":
      return parseWrite(rest);
    case "wait":
      return parseWait(rest);
    case "heal":
    case "add":
    case "quit":
      return rest === "" ? { do: verb } : `${verb} stands alone`;
    default:
      return `unknown step "${verb}": kill, pause, resume, restart, partition, heal, transfer, add, remove, write, wait or quit`;
  }
}

function parseTarget(text: string): Target | null {
  if (text === "leader" || text === "follower") {
    return text;
  }
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : null;
}

function parsePartition(text: string): Action | string {
  const groups = text
    .split("|")
    .map((group) => group.split(/[\s,]+/).filter((word) => word !== ""))
    .map((words) => words.map(parseTarget));
  const checked = groups.map((group) => group.filter((target) => target !== null));
  const isWhole = groups.every((group, i) => group.length > 0 && group.length === checked[i]?.length);
  return isWhole
    ? { do: "partition", groups: checked }
    : "partition needs servers, as in: partition 1,2 | 3,4,5";
}

function parseTransfer(text: string): Action | string {
  const target = text === "" ? null : parseTarget(text.replace(/^to\s+/, ""));
  return text !== "" && target === null
    ? "transfer needs a server, or nothing for the best one"
    : { do: "transfer", target };
}

function parseWrite(text: string): Action | string {
  const count = text === "" ? 1 : Number(text);
  return Number.isSafeInteger(count) && count >= 1 && count <= writeCountMax
    ? { do: "write", count }
    : `write needs a number from 1 to ${writeCountMax}`;
}

function parseWait(text: string): Action | string {
  if (text === "leader") {
    return { do: "wait-leader" };
  }
  const ms = parseDuration(text);
  return ms === null ? "wait needs leader, or a time such as 500ms or 2s" : { do: "wait", ms };
}
