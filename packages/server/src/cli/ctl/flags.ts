/**
 * Flags as etcdctl reads them: `--name value`, `--name=value`, `-n value`, `-nvalue`, before, between and behind the words of a
 * command; a boolean alone is true. Everything behind `--` is a word.
 */
import { assert } from "@quorate/base";
import { suggestion } from "../../config/suggest.ts";
import { parseDuration } from "../../config/value-kind.ts";
import { CtlError, ctlExit } from "./ctl-error.ts";

/** One flag. */
export interface CtlFlag {
  readonly name: string;
  readonly short?: string;
  /** A list may be given in parts, which are joined with commas. */
  readonly kind: "bool" | "string" | "list" | "int" | "duration";
  /** As it would be written; none: empty, 0 or false. */
  readonly preset?: string;
  readonly help: string;
}

/** A command line, taken apart. */
export interface ParsedLine {
  readonly words: readonly string[];
  /** How many of the words stand before `--`; null where there is none. */
  readonly wordCountBeforeDash: number | null;
  readonly values: ReadonlyMap<string, string>;
}

/** Takes `argv` apart. @throws {@link CtlError} for a flag that is not among `flags`, or that lacks its value. */
export function parseLine(argv: readonly string[], flags: readonly CtlFlag[]): ParsedLine {
  const words: string[] = [];
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      const wordCountBeforeDash = words.length;
      words.push(...argv.slice(i + 1));
      return { words, wordCountBeforeDash, values };
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const { flag, text } = readFlag(word, flags);
    if (text !== undefined) {
      setValue(values, flag, text);
    } else if (flag.kind === "bool") {
      values.set(flag.name, "true");
    } else {
      const next = argv[++i];
      if (next === undefined) {
        throw new CtlError(`flag needs an argument: ${word}`, ctlExit.error, true);
      }
      setValue(values, flag, next);
    }
  }
  return { words, wordCountBeforeDash: null, values };
}

function readFlag(
  word: string,
  flags: readonly CtlFlag[],
): { readonly flag: CtlFlag; readonly text?: string } {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  if (long !== null) {
    const flag = flags.find(({ name }) => name === long[1]);
    if (flag === undefined) {
      const names = flags.map(({ name }) => name);
      const near = suggestion(long[1] ?? "", names, "--");
      throw new CtlError(`unknown flag: --${long[1]}${near}`, ctlExit.error, true);
    }
    return long[2] === undefined ? { flag } : { flag, text: long[2] };
  }
  const flag = flags.find(({ short }) => short !== undefined && short === word[1]);
  if (flag === undefined) {
    throw new CtlError(`unknown shorthand flag: '${word[1] ?? ""}' in ${word}`, ctlExit.error, true);
  }
  const rest = word.slice(2);
  return rest === "" ? { flag } : { flag, text: rest.startsWith("=") ? rest.slice(1) : rest };
}

function setValue(values: Map<string, string>, flag: CtlFlag, text: string): void {
  const before = flag.kind === "list" ? values.get(flag.name) : undefined;
  values.set(flag.name, before === undefined ? checked(flag, text) : `${before},${text}`);
}

const isWhole = (text: string): boolean => /^[+-]?\d{1,19}$/.test(text);

/** The text, if the flag's kind allows it. */
function checked(flag: CtlFlag, text: string): string {
  const wrong =
    flag.kind === "bool"
      ? !["true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"].includes(text)
      : flag.kind === "int"
        ? !isWhole(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)
        : flag.kind === "duration" && parseDuration(text) === null && text !== "0";
  if (wrong) {
    const wants = {
      bool: "true or false",
      int: "a whole number",
      duration: "a time such as 500ms or 5s",
      string: "text",
      list: "text",
    };
    const name = flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
    throw new CtlError(
      `invalid argument "${text}" for "${name}" flag: needs ${wants[flag.kind]}`,
      ctlExit.error,
      true,
    );
  }
  return text;
}

/** The values of a command's flags: what was given, else the preset. */
export class FlagValues {
  readonly #flags: ReadonlyMap<string, CtlFlag>;
  readonly #values: ReadonlyMap<string, string>;

  constructor(flags: readonly CtlFlag[], values: ReadonlyMap<string, string>) {
    this.#flags = new Map(flags.map((flag) => [flag.name, flag]));
    this.#values = values;
  }

  /** Whether somebody set it. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string {
    const flag = this.#flags.get(name);
    assert(flag !== undefined, () => `ctl: no flag --${name}`);
    return this.#values.get(name) ?? flag.preset ?? "";
  }

  bool(name: string): boolean {
    return /^(true|1|t)$/i.test(this.text(name));
  }

  int(name: string): bigint {
    return BigInt(this.text(name) || "0");
  }

  /** Milliseconds. */
  duration(name: string): number {
    return parseDuration(this.text(name)) ?? 0;
  }
}
