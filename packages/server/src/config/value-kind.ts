/** How the text of a flag becomes a value. Bad text is an answer, not an exception: all problems are reported at once. */
import { assert } from "@quorate/base";
import type { Parsed } from "./parsed.ts";
import { parseClientUrl, parseServerUrl, type ServerUrl } from "./server-url.ts";

/** One type of flag value. */
export interface ValueKind<T> {
  /** What help shows after the flag, such as `<ms>`. */
  readonly placeholder: string;
  /** ETCD: a flag of this type may stand alone, which means true; a value then only follows `=`. */
  readonly isSwitch?: true;
  /** ETCD: a number alone in the configuration file counts nanoseconds. */
  readonly isTime?: true;
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

/** Yes or no. ETCD: in the words that Go takes. */
export const booleanKind: ValueKind<boolean> = {
  placeholder: "<true|false>",
  isSwitch: true,
  parse(text) {
    if (/^(1|t|T|true|TRUE|True)$/.test(text)) {
      return { value: true };
    }
    return /^(0|f|F|false|FALSE|False)$/.test(text)
      ? { value: false }
      : { problem: `must be true or false, not "${text}"` };
  },
  format: (value) => String(value),
};

/** ETCD: a time as Go writes it, `10m` or `1h30m0s`, from `minMs` on. */
export function durationKind(minMs: number): ValueKind<number> {
  return {
    placeholder: "<duration>",
    isTime: true,
    parse(text) {
      const value = parseDuration(text);
      if (value === null) {
        return { problem: `needs a time such as 10m or 1h30m, not "${text}"` };
      }
      return value < minMs ? { problem: `must be at least ${minMs}ms (is ${text})` } : { value };
    },
    format: formatDuration,
  };
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** The largest unit that makes a whole number, so that `20s` is not 20000ms. */
function formatDuration(valueMs: number): string {
  const unit = ["h", "m", "s"].find((one) => valueMs > 0 && valueMs % (unitMs[one] ?? 1) === 0);
  return unit === undefined
    ? valueMs === 0
      ? "0s"
      : `${valueMs}ms`
    : `${valueMs / (unitMs[unit] ?? 1)}${unit}`;
}

/** Milliseconds of a time as Go writes it; null when it is none. */
export function parseDuration(text: string): number | null {
  if (text === "0") {
    return 0;
  }
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    return null;
  }
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
  const sum = Array.from(parts, ([, count, unit]) => Number(count) * (unitMs[unit ?? ""] ?? 0));
  const value = sum.reduce((left, right) => left + right, 0);
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : null;
}

/** A time, or a number alone: of hours or of revisions, which another flag says. */
export const retentionKind: ValueKind<string> = {
  placeholder: "<time|count>",
  parse: (text) =>
    parseDuration(text) !== null || /^\d{1,15}$/.test(text)
      ? { value: text }
      : { problem: `needs a number or a time such as 30m, not "${text}"` },
  format: (value) => value,
};

/** Words divided by commas. */
export const listKind: ValueKind<readonly string[]> = {
  placeholder: "<list>",
  parse(text) {
    const value = splitList(text);
    return value.length === 0 ? { problem: "must not be empty" } : { value };
  },
  format: (value) => value.join(","),
};

/** Words divided by commas; none is also an answer. */
export const optionalListKind: ValueKind<readonly string[]> = {
  ...listKind,
  parse: (text) => ({ value: splitList(text) }),
};

/** URLs of clients divided by commas, each `http://host:port` or `unix://file`; none is also an answer. */
export const optionalUrlsKind: ValueKind<readonly ServerUrl[]> = {
  placeholder: "<urls>",
  parse: (text) => parseUrls(text, parseClientUrl),
  format: (value) => value.map((url) => url.text).join(","),
};

/** At least one URL of clients. */
export const clientUrlsKind: ValueKind<readonly ServerUrl[]> = {
  ...optionalUrlsKind,
  parse: (text) => parseSomeUrls(text, parseClientUrl),
};

/** At least one URL of members, each of the form `http://host:port`. */
export const urlsKind: ValueKind<readonly ServerUrl[]> = {
  ...optionalUrlsKind,
  parse: (text) => parseSomeUrls(text, parseServerUrl),
};

type ParseUrl = (text: string) => Parsed<ServerUrl>;

function parseSomeUrls(text: string, parse: ParseUrl): Parsed<readonly ServerUrl[]> {
  return splitList(text).length === 0 ? { problem: "needs at least one URL" } : parseUrls(text, parse);
}

function parseUrls(text: string, parse: ParseUrl): Parsed<readonly ServerUrl[]> {
  const urls: ServerUrl[] = [];
  for (const part of splitList(text)) {
    const parsed = parse(part);
    if ("problem" in parsed) {
      return parsed;
    }
    if (urls.some((url) => url.text === parsed.value.text)) {
      return { problem: `names ${part} twice` };
    }
    urls.push(parsed.value);
  }
  return { value: urls };
}

/** The URL of a default, which must parse. */
export function defaultUrls(text: string): readonly ServerUrl[] {
  const parsed = parseServerUrl(text);
  assert("value" in parsed, "flag table: a default URL does not parse");
  return [parsed.value];
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
