/** How the text of a flag becomes a value. Bad text is an answer, not an exception: all problems are reported at once. */
import type { Parsed } from "./parsed.ts";
import { parseServerUrl, type ServerUrl } from "./server-url.ts";

/** One type of flag value. */
export interface ValueKind<T> {
  /** What help shows after the flag, such as `<ms>`. Empty for a boolean, which needs no value. */
  readonly placeholder: string;
  parse(text: string): Parsed<T>;
  /** The text that parses to `value`. */
  format(value: T): string;
}

/** Any text, also none. */
export const textKind: ValueKind<string> = {
  placeholder: "<text>",
  parse: (text) => ({ value: text }),
  format: (value) => value,
};

/** Text that must not be empty. */
export function namedTextKind(placeholder: string): ValueKind<string> {
  return {
    placeholder,
    parse: (text) => (text === "" ? { problem: "must not be empty" } : { value: text }),
    format: (value) => value,
  };
}

/** A whole number from `min` to `max`; `unit` stands in help. */
export function integerKind(unit: string, min: number, max: number): ValueKind<number> {
  return {
    placeholder: `<${unit}>`,
    parse(text) {
      const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value)) {
        return { problem: `needs a whole number, not "${text}"` };
      }
      if (value < min || value > max) {
        return { problem: `must be ${min} to ${max} (is ${value})` };
      }
      return { value };
    },
    format: (value) => String(value),
  };
}

/** One of a few words. */
export function choiceKind<const Choice extends string>(choices: readonly Choice[]): ValueKind<Choice> {
  return {
    placeholder: `<${choices.join("|")}>`,
    parse(text) {
      const value = choices.find((choice) => choice === text);
      return value === undefined
        ? { problem: `must be one of ${choices.join(", ")}, not "${text}"` }
        : { value };
    },
    format: (value) => value,
  };
}

/** Words divided by commas. */
export const listKind: ValueKind<readonly string[]> = {
  placeholder: "<list>",
  parse(text) {
    const value = splitList(text);
    return value.length === 0 ? { problem: "must not be empty" } : { value };
  },
  format: (value) => value.join(","),
};

/** URLs divided by commas, each of the form `http://host:port`. */
export const urlsKind: ValueKind<readonly ServerUrl[]> = {
  placeholder: "<urls>",
  parse(text) {
    const parts = splitList(text);
    if (parts.length === 0) {
      return { problem: "needs at least one URL" };
    }
    const urls: ServerUrl[] = [];
    for (const part of parts) {
      const parsed = parseServerUrl(part);
      if ("problem" in parsed) {
        return parsed;
      }
      if (urls.some((url) => url.text === parsed.value.text)) {
        return { problem: `names ${part} twice` };
      }
      urls.push(parsed.value);
    }
    return { value: urls };
  },
  format: (value) => value.map((url) => url.text).join(","),
};

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
