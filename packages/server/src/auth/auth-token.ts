/** What `--auth-token` says, in etcd's form: `simple`, or `jwt` with its options behind commas. */
import type { ValueKind } from "../config/value-kind.ts";
import { parseDuration } from "../config/value-kind.ts";

/** How tokens may be signed. ETCD: the names of its library. */
const signMethods = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

/** One of {@link signMethods}. */
export type SignMethod = (typeof signMethods)[number];

/** What a member gives to those who have proven who they are. */
export type AuthTokenSetting =
  | { readonly kind: "simple" }
  | {
      readonly kind: "jwt";
      readonly signMethod: SignMethod;
      /** Files; empty: none. */
      readonly publicKeyFile: string;
      readonly privateKeyFile: string;
      readonly ttlMs: number;
      /** As it was given. */
      readonly text: string;
    };

/** ETCD: 5 minutes. */
const ttlMsDefault = 5 * 60 * 1000;

const optionNames: readonly string[] = ["sign-method", "pub-key", "priv-key", "ttl"];

/** The kind of the flag's value. */
export const authTokenKind: ValueKind<AuthTokenSetting> = {
  placeholder: "<simple|jwt,…>",
  parse(text) {
    const [type, ...options] = text.split(",");
    if (type === "simple" && options.length === 0) {
      return { value: { kind: "simple" } };
    }
    if (type !== "jwt") {
      return {
        problem: `needs simple, or jwt,sign-method=…,pub-key=…,priv-key=…,ttl=…, not "${text}"`,
      };
    }
    const given = parseOptions(options);
    return typeof given === "string" ? { problem: given } : jwtSetting(given, text);
  },
  format: (value) => (value.kind === "simple" ? "simple" : value.text),
};

/** The options by name, or what is wrong with them. */
function parseOptions(options: readonly string[]): ReadonlyMap<string, string> | string {
  const given = new Map<string, string>();
  for (const option of options) {
    const parts = option.split("=");
    const [name = "", value = ""] = parts;
    if (parts.length !== 2 || !optionNames.includes(name)) {
      return `has no option "${option}"; there is ${optionNames.join(", ")}, each with =`;
    }
    if (given.has(name)) {
      return `has ${name} twice`;
    }
    given.set(name, value);
  }
  return given;
}

function jwtSetting(
  given: ReadonlyMap<string, string>,
  text: string,
): { readonly value: AuthTokenSetting } | { readonly problem: string } {
  const method = given.get("sign-method") ?? "";
  const signMethod = signMethods.find((known) => known === method);
  if (signMethod === undefined) {
    return { problem: `needs a sign-method of ${signMethods.join(", ")}, not "${method}"` };
  }
  const ttl = given.get("ttl") ?? "";
  const ttlMs = ttl === "" ? ttlMsDefault : parseDuration(ttl);
  if (ttlMs === null || ttlMs <= 0) {
    return { problem: `needs a ttl such as 5m, not "${ttl}"` };
  }
  const publicKeyFile = given.get("pub-key") ?? "";
  const privateKeyFile = given.get("priv-key") ?? "";
  if (privateKeyFile === "" && (publicKeyFile === "" || signMethod.startsWith("HS"))) {
    return { problem: `needs a priv-key${signMethod.startsWith("HS") ? "" : " or a pub-key"}` };
  }
  return { value: { kind: "jwt", signMethod, publicKeyFile, privateKeyFile, ttlMs, text } };
}
