/** `watch`: events as they happen; on request a command for each; interactively, several watches at once. */
import { spawn } from "node:child_process";

import {
  EventSchema,
  ResponseHeaderSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { type WatchControl, type WatchRequestInit, watchKeys } from "../../../client/watch-keys.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { type CtlFlag, FlagValues, parseLine } from "../flags.ts";
import { goJson, jsonText } from "../go-json.ts";
import { quote } from "../go-text.ts";
import { keyRange } from "../key-range.ts";
import type { Line, Output } from "../output.ts";
import { kvFields, kvSimple } from "../print-kv.ts";
import { LineReader } from "../terminal.ts";
import { splitWords } from "./txn-text.ts";

/** What one watch line asks for. */
interface WatchPlan {
  readonly request: WatchRequestInit;
  /** A command to run for each event; empty for none. */
  readonly command: readonly string[];
}

const lineFlags: readonly CtlFlag[] = [
  { name: "prefix", kind: "bool", help: "" },
  { name: "rev", kind: "int", help: "" },
  { name: "prev-kv", kind: "bool", help: "" },
  { name: "progress-notify", kind: "bool", help: "" },
];

/** Watches until Ctrl-C, or until the server says that it cannot go on. */
export async function watch(context: CtlContext): Promise<number> {
  if (context.flags.bool("interactive")) {
    return interactive(context);
  }
  const plan = readPlan(context.args, context.argCountBeforeDash, context.flags, context.environment);
  return follow(context, plan, {});
}

/** ETCD: words before `--` are the key and the end, words behind it the command; variables may name key and end. */
function readPlan(
  args: readonly string[],
  countBeforeDash: number | null,
  flags: FlagValues,
  environment: Readonly<Record<string, string | undefined>>,
): WatchPlan {
  const before = countBeforeDash ?? args.length;
  const keys = args.slice(0, Math.min(2, before));
  // ETCD: without `--`, a third word begins a command.
  const command = countBeforeDash === null ? args.slice(2) : args.slice(before);
  const [named, namedEnd] = [environment["ETCDCTL_WATCH_KEY"] ?? "", environment["ETCDCTL_WATCH_RANGE_END"]];
  if (keys.length === 0 && named === "") {
    throw badArguments("bad number of arguments");
  }
  if (keys.length > 0 && named !== "") {
    throw badArguments("bad number of arguments (found conflicting environment key)");
  }
  const [key = named, end = keys.length === 0 ? namedEnd : undefined] = keys;
  if (end !== undefined && end !== "" && flags.bool("prefix")) {
    throw badArguments("`range_end` and `--prefix` are mutually exclusive");
  }
  return {
    request: {
      ...keyRange(key, end === "" ? undefined : end, flags.bool("prefix"), false),
      startRevision: flags.int("rev"),
      prevKv: flags.bool("prev-kv"),
      progressNotify: flags.bool("progress-notify"),
    },
    command,
  };
}

/** Prints what one watch brings. Cancelled by the server is a failure; anything else ends it only with the process. */
async function follow(context: CtlContext, plan: WatchPlan, control: WatchControl): Promise<number> {
  const client = await context.client();
  for await (const answer of watchKeys(client, plan.request, undefined, control)) {
    if (answer.canceled) {
      process.stderr.write(
        `watch was canceled (${answer.cancelReason || "etcdserver: mvcc: required revision has been compacted"})\n`,
      );
    }
    if (isProgress(answer)) {
      context.output.lines([`progress notify: ${answer.header?.revision ?? 0n}`]);
    }
    printAnswer(context.output, answer);
    await runCommands(plan.command, answer);
    if (answer.canceled) {
      throw new CtlError("watch is canceled by the server", ctlExit.interrupted);
    }
  }
  return ctlExit.ok;
}

function isProgress(answer: WatchResponse): boolean {
  return answer.events.length === 0 && !answer.canceled && !answer.created && answer.compactRevision === 0n;
}

function printAnswer(output: Output, answer: WatchResponse): void {
  const { canceled, compactRevision, created, events, header } = answer;
  output.message(WatchResponseSchema, answer, {
    simple: () => events.flatMap((event) => eventSimple(output, event)),
    fields: () => [...output.header(header), ...events.flatMap((event) => eventFields(output, event))],
    json() {
      const head = header === undefined ? "{}" : goJson(ResponseHeaderSchema, header);
      const list = events.map((event) => goJson(EventSchema, event)).join(",");
      // ETCD: the client's own type, not the message's: capital names, nothing left out.
      return `{"Header":${head},"Events":${events.length === 0 ? "null" : `[${list}]`},"CompactRevision":${compactRevision},"Canceled":${canceled},"Created":${created},"CancelReason":${jsonText(canceled ? answer.cancelReason : "")}}`;
    },
  });
}

type EventMessage = WatchResponse["events"][number];

const typeNames = ["PUT", "DELETE"] as const;

function eventSimple(output: Output, { kv, prevKv, type }: EventMessage): Line[] {
  return [
    typeNames[type] ?? String(type),
    ...(prevKv === undefined ? [] : kvSimple(output, prevKv)),
    ...(kv === undefined ? [] : kvSimple(output, kv)),
  ];
}

function eventFields(output: Output, { kv, prevKv, type }: EventMessage): string[] {
  return [
    `"Type" : ${typeNames[type] ?? type}`,
    ...(prevKv === undefined ? [] : kvFields(output, "Prev", prevKv)),
    ...(kv === undefined ? [] : kvFields(output, "", kv)),
  ];
}

/** Runs the command for each event, one after the other. */
async function runCommands(command: readonly string[], answer: WatchResponse): Promise<void> {
  const [program, ...args] = command;
  if (program === undefined) {
    return;
  }
  for (const { kv, type } of answer.events) {
    const environment = {
      ...process.env,
      ETCD_WATCH_REVISION: String(answer.header?.revision ?? 0n),
      ETCD_WATCH_EVENT_TYPE: quote(typeNames[type] ?? ""),
      ETCD_WATCH_KEY: quote(kv?.key ?? new Uint8Array(0)),
      ETCD_WATCH_VALUE: quote(kv?.value ?? new Uint8Array(0)),
    };
    const child = spawn(program, args, { env: environment, stdio: "inherit" });
    const outcome = await new Promise<string | null>((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code, signal) =>
        resolve(code === 0 ? null : signal === null ? `exit status ${code}` : `signal ${signal}`),
      );
    });
    if (outcome !== null) {
      // ETCD: a command that fails ends the watch.
      throw new CtlError(`command ${quote(command.join(" "))} error (${outcome})`);
    }
  }
}

/** Reads `watch …` and `progress` lines; every watch runs beside the others. */
async function interactive(context: CtlContext): Promise<number> {
  const lines = new LineReader();
  const controls: WatchControl[] = [];
  let failure: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    failure = reject;
  });
  const reading = (async () => {
    for (;;) {
      const line = await lines.next();
      if (line === null) {
        throw new CtlError("error reading watch request line: EOF", ctlExit.invalidInput);
      }
      const words = splitWords(line);
      if (words[0] === "progress") {
        for (const control of controls) {
          control.requestProgress?.();
        }
        continue;
      }
      const plan = planOfLine(context, words);
      if (plan !== null) {
        const control: WatchControl = {};
        controls.push(control);
        follow(context, plan, control).catch(failure);
      }
    }
  })();
  try {
    await Promise.race([reading, failed]);
  } finally {
    lines.close();
  }
  return ctlExit.ok;
}

/** The watch that a line asks for; null where it is none, which was then told. */
function planOfLine(context: CtlContext, words: readonly string[]): WatchPlan | null {
  const [word = "", ...rest] = words;
  if (word !== "watch") {
    process.stderr.write(`Invalid command ${word} (only support watch)\n`);
    return null;
  }
  if (rest.length === 0 && (context.environment["ETCDCTL_WATCH_KEY"] ?? "") === "") {
    process.stderr.write("Invalid command watch (command type or key is not provided)\n");
    return null;
  }
  try {
    const { values, wordCountBeforeDash, words: args } = parseLine(rest, lineFlags);
    return readPlan(args, wordCountBeforeDash, new FlagValues(lineFlags, values), context.environment);
  } catch (error) {
    if (error instanceof CtlError) {
      process.stderr.write(`Invalid command ${words.join(" ")} (${error.message})\n`);
      return null;
    }
    throw error;
  }
}
