/** The language in which transactions are written: compares, then get, put and del lines, each part ended by an empty line. */
import { utf8Encode } from "@quorate/base";
import {
  Compare_CompareResult as CompareResult,
  type CompareSchema,
  Compare_CompareTarget as CompareTarget,
  type MessageInitShape,
  type RequestOpSchema,
} from "@quorate/etcd/messages";
import { CtlError, ctlExit } from "../ctl-error.ts";
import { txnLineFlags } from "../definitions/key-flags.ts";
import { FlagValues, parseLine } from "../flags.ts";
import { unquote } from "../go-text.ts";
import { deleteRequest } from "./del.ts";
import { rangeRequest } from "./get.ts";
import { parseLeaseId } from "./ids.ts";
import { putRequest } from "./put.ts";

const quoted = '"(?:[^"\\\\]|\\\\.)*"';
const comparison: RegExp = new RegExp(`^([a-z]*)\\(\\s*(${quoted})\\)\\s*(\\S+)\\s+(${quoted})`, "is");

/** One compare, `mod("k") > "0"`. @throws CtlError for anything else. */
export function parseCompare(line: string): MessageInitShape<typeof CompareSchema> {
  const match = comparison.exec(line.trim());
  const [key, value] = [unquote(match?.[2] ?? ""), unquote(match?.[4] ?? "")];
  if (match === null || key === null || value === null) {
    throw invalid(`malformed comparison: ${line}`);
  }
  const result = {
    "=": CompareResult.EQUAL,
    "!=": CompareResult.NOT_EQUAL,
    ">": CompareResult.GREATER,
    "<": CompareResult.LESS,
  }[match[3] ?? ""];
  if (result === undefined) {
    throw invalid(`malformed comparison: ${line} (unknown operator ${match[3]}: there are = != > <)`);
  }
  return { key: utf8Encode(key), result, ...operandOf(match[1] ?? "", value, line) };
}

function operandOf(
  target: string,
  value: string,
  line: string,
): Pick<MessageInitShape<typeof CompareSchema>, "target" | "targetUnion"> {
  const number = (): bigint => {
    if (!/^-?\d{1,19}$/.test(value)) {
      throw invalid(`invalid txn compare request: ${line}`);
    }
    return BigInt(value);
  };
  switch (target) {
    case "ver":
    case "version":
      return { target: CompareTarget.VERSION, targetUnion: { case: "version", value: number() } };
    case "c":
    case "create":
      return { target: CompareTarget.CREATE, targetUnion: { case: "createRevision", value: number() } };
    case "m":
    case "mod":
      return { target: CompareTarget.MOD, targetUnion: { case: "modRevision", value: number() } };
    case "val":
    case "value":
      return { target: CompareTarget.VALUE, targetUnion: { case: "value", value: utf8Encode(value) } };
    case "lease":
      return { target: CompareTarget.LEASE, targetUnion: { case: "lease", value: parseLeaseId(value) } };
    default:
      throw invalid(`malformed comparison: ${line} (unknown target ${target})`);
  }
}

/** One line of a branch: get, put or del with their flags. @throws CtlError for anything else. */
export async function parseOperation(line: string): Promise<MessageInitShape<typeof RequestOpSchema>> {
  const [word, ...rest] = splitWords(line);
  if (word !== "get" && word !== "put" && word !== "del") {
    throw invalid(`invalid txn request: ${line}`);
  }
  const specs = txnLineFlags[word];
  const { values, words } = parseLine(rest, specs);
  const flags = new FlagValues(specs, values);
  if (words.length === 0) {
    throw invalid(`invalid txn request: ${line}`);
  }
  switch (word) {
    case "get":
      return { request: { case: "requestRange", value: rangeRequest(words, flags) } };
    case "del":
      return { request: { case: "requestDeleteRange", value: deleteRequest(words, flags) } };
    case "put": {
      const noValue = (): Promise<Uint8Array> => Promise.resolve(new Uint8Array(0));
      return { request: { case: "requestPut", value: await putRequest(words, flags, noValue) } };
    }
  }
}

/** Words divided by spaces; quotes hold together what has spaces, double ones with escapes. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const [part] of line.matchAll(/"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+/g)) {
    if (part.startsWith('"')) {
      const text = unquote(part);
      if (text === null) {
        throw invalid(`cannot read ${part}`);
      }
      words.push(text);
    } else {
      words.push(part.startsWith("'") ? part.slice(1, -1) : part);
    }
  }
  return words;
}

function invalid(message: string): CtlError {
  return new CtlError(message, ctlExit.invalidInput);
}
