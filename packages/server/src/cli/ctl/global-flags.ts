/** The flags of every client command. Each is also a variable: QUORATE_CLIENT_NAME, or ETCDCTL_NAME as etcdctl has it. */
import { type CtlFlag, FlagValues } from "./flags.ts";

/** ETCD: the same names and presets. */
export const globalFlags: readonly CtlFlag[] = [
  {
    name: "endpoints",
    kind: "list",
    preset: "127.0.0.1:2379",
    help: "Members to talk to, divided by commas.",
  },
  {
    name: "write-out",
    short: "w",
    kind: "string",
    preset: "simple",
    help: "How to print: simple, json, table, fields or protobuf.",
  },
  { name: "hex", kind: "bool", help: "Print bytes as hexadecimal escapes." },
  {
    name: "dial-timeout",
    kind: "duration",
    preset: "2s",
    help: "How long a connection may take to come about.",
  },
  {
    name: "command-timeout",
    kind: "duration",
    preset: "5s",
    help: "How long a short command may take, with all attempts.",
  },
  {
    name: "keepalive-time",
    kind: "duration",
    preset: "2s",
    help: "Silence after which a connection is asked whether it lives.",
  },
  {
    name: "keepalive-timeout",
    kind: "duration",
    preset: "6s",
    help: "How long the answer to that may take.",
  },
  { name: "max-request-bytes", kind: "int", preset: "0", help: "Largest request to send; 0: 2 MiB." },
  { name: "max-recv-bytes", kind: "int", preset: "0", help: "Largest answer to take; 0: 2 GiB." },
  {
    name: "user",
    kind: "string",
    help: "Who asks: name, or name:password. Without a password it is asked for.",
  },
  { name: "password", kind: "string", help: "Password of --user." },
  { name: "auth-jwt-token", kind: "string", help: "A token to show instead of --user and --password." },
  {
    name: "cacert",
    kind: "string",
    help: "File of the certificates to trust, as PEM. Endpoints without a scheme are then spoken to with TLS.",
  },
  { name: "cert", kind: "string", help: "File of the client's own certificate, as PEM." },
  { name: "key", kind: "string", help: "File of that certificate's private key, as PEM." },
  {
    name: "insecure-skip-tls-verify",
    kind: "bool",
    help: "Take any certificate. Whoever sits on the line can then read and change everything.",
  },
  {
    name: "insecure-transport",
    kind: "bool",
    preset: "true",
    help: "Speak without TLS to endpoints that name no scheme.",
  },
  { name: "discovery-srv", short: "d", kind: "string", help: "Domain whose SRV records name the endpoints." },
  { name: "discovery-srv-name", kind: "string", help: "Service name in those records." },
  {
    name: "insecure-discovery",
    kind: "bool",
    preset: "true",
    help: "Take SRV records that name endpoints without TLS.",
  },
  { name: "debug", kind: "bool", help: "Tell on standard error which endpoints failed, and why." },
  { name: "help", short: "h", kind: "bool", help: "Print help." },
];

/** What was given on the line, then in the environment. */
export function withEnvironment(
  values: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly CtlFlag[],
): FlagValues {
  const merged = new Map(values);
  for (const { name } of globalFlags) {
    const suffix = name.toUpperCase().replaceAll("-", "_");
    const text = environment[`QUORATE_CLIENT_${suffix}`] ?? environment[`ETCDCTL_${suffix}`];
    if (text !== undefined && text !== "" && !merged.has(name) && name !== "help") {
      merged.set(name, text);
    }
  }
  return new FlagValues(flags, merged);
}
