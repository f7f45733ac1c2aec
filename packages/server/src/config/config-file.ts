/** The configuration file: YAML with the flags' names as keys, and etcd's sections for what belongs together. */
import { createRequire } from "node:module";
import type { ConfigProblem } from "./config-error.ts";
import { flagOf, settingOf } from "./flag-table.ts";
import { otherFlags } from "./other-flags.ts";
import { flagNames, type Given, isKnown, type Source } from "./sources.ts";
import { suggestion } from "./suggest.ts";

/** ETCD: the sections of its file, and the flag that each of their keys stands for. */
const sections: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "client-transport-security": {
    "cert-file": "cert-file",
    "key-file": "key-file",
    "client-cert-file": "client-cert-file",
    "client-key-file": "client-key-file",
    "client-cert-auth": "client-cert-auth",
    "client-crl-file": "client-crl-file",
    "trusted-ca-file": "trusted-ca-file",
    "auto-tls": "auto-tls",
    "allowed-hostname": "client-cert-allowed-hostname",
  },
  "peer-transport-security": {
    "cert-file": "peer-cert-file",
    "key-file": "peer-key-file",
    "client-cert-file": "peer-client-cert-file",
    "client-key-file": "peer-client-key-file",
    "client-cert-auth": "peer-client-cert-auth",
    "client-crl-file": "peer-crl-file",
    "trusted-ca-file": "peer-trusted-ca-file",
    "auto-tls": "peer-auto-tls",
    "allowed-cn": "peer-cert-allowed-cn",
    "allowed-hostname": "peer-cert-allowed-hostname",
    "skip-client-san-verification": "peer-skip-client-san-verification",
  },
  "socket-options": { "reuse-port": "socket-reuse-port", "reuse-address": "socket-reuse-address" },
};

/** Reads the text of a configuration file; `path` stands in messages. */
export function readYaml(text: string, path: string): Source {
  // PERF: loaded where there is such a file: 70 modules.
  const { parseDocument } = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  const document = parseDocument(text, { uniqueKeys: true });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const [line] = mistake.message.split("\n");
    return { given: new Map(), problems: [{ where: path, problem: line ?? "is not YAML" }] };
  }
  const content: unknown = document.toJS() ?? {};
  if (!isMapping(content)) {
    return { given: new Map(), problems: [{ where: path, problem: "must hold keys and values" }] };
  }
  const given = new Map<string, Given>();
  const problems: ConfigProblem[] = [];
  const reader: Reader = { path, given, problems };
  for (const [key, value] of Object.entries(content)) {
    const section = Object.hasOwn(sections, key) ? sections[key] : undefined;
    if (section === undefined) {
      readKey(reader, key, isKnown(key) ? key : null, value);
    } else if (isMapping(value)) {
      readSection(reader, key, section, value);
    } else if (value !== null) {
      problems.push({ where: `${key} in ${path}`, problem: "must hold keys and values" });
    }
  }
  return { given, problems };
}

interface Reader {
  readonly path: string;
  readonly given: Map<string, Given>;
  readonly problems: ConfigProblem[];
}

function readSection(
  reader: Reader,
  name: string,
  section: Readonly<Record<string, string>>,
  content: object,
): void {
  for (const [key, value] of Object.entries(content)) {
    readKey(reader, `${name}.${key}`, Object.hasOwn(section, key) ? (section[key] ?? null) : null, value);
  }
}

function readKey({ path, given, problems }: Reader, key: string, flag: string | null, value: unknown): void {
  const where = `${key} in ${path}`;
  if (flag === null) {
    problems.push({ where, problem: `unknown key${suggestion(key, flagNames, "")}` });
    return;
  }
  if (flag === "config-file") {
    problems.push({ where, problem: "a file cannot name another" });
    return;
  }
  const text = yamlText(value);
  if (text === null) {
    problems.push({ where, problem: "needs a text, a number or a list of these" });
  } else if (text !== "") {
    // ETCD: a time in the file is a number of nanoseconds; as text it is read like the flag.
    given.set(flag, { text: typeof value === "number" && isTime(flag) ? `${text}ns` : text, where });
  }
}

function isTime(flag: string): boolean {
  const setting = settingOf(flag);
  return setting === null ? otherFlags.get(flag)?.type === "time" : flagOf(setting).kind.isTime === true;
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text a flag would have; none for a key without a value. ETCD: lists may be YAML lists or text with commas. */
function yamlText(value: unknown): string | null {
  if (value === null) {
    return "";
  }
  if (Array.isArray(value)) {
    const parts = value.map(yamlText);
    return parts.includes(null) ? null : parts.join(",");
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : null;
}
