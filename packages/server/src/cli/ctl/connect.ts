/** From flags to a client: endpoints, TLS, who asks. */

import { resolveSrv } from "node:dns/promises";
import { readFileSync } from "node:fs";
import type { ClientKeepalive, ClientTls } from "@quorate/grpc/client";
import { ClusterClient } from "../../client/cluster-client.ts";
import { type Endpoint, parseEndpoint } from "../../client/endpoint.ts";
import { CommandError } from "../exit-code.ts";
import { badArguments, CtlError } from "./ctl-error.ts";
import type { FlagValues } from "./flags.ts";
import { askSecret } from "./terminal.ts";

const sendBytesMaxDefault = 2 * 1024 * 1024;
const keepaliveTimeMsMin = 10_000;
const receiveBytesMaxDefault = 2 ** 31 - 1;

/** Makes the client that the flags describe. @throws {@link CtlError} for files that cannot be read, or no endpoint. */
export async function connect(flags: FlagValues): Promise<ClusterClient> {
  const tls = readTls(flags);
  const endpoints = await readEndpoints(flags);
  if (endpoints.length === 0) {
    throw badArguments("--endpoints: needs at least one endpoint");
  }
  const credentials = await readCredentials(flags.text("user"), flags.text("password"));
  const token = flags.text("auth-jwt-token");
  return new ClusterClient({
    endpoints,
    dialTimeoutMs: flags.duration("dial-timeout"),
    keepalive: keepaliveOf(flags),
    commandTimeoutMs: flags.duration("command-timeout"),
    sendBytesMax: Number(flags.int("max-request-bytes")) || sendBytesMaxDefault,
    receiveBytesMax: Number(flags.int("max-recv-bytes")) || receiveBytesMaxDefault,
    ...(tls === null ? {} : { tls }),
    ...(credentials === null ? {} : { credentials }),
    ...(token === "" ? {} : { token }),
  });
}

/** ETCD: as gRPC's own client, no more often than every ten seconds: servers take more for an attack. */
function keepaliveOf(flags: FlagValues): ClientKeepalive {
  return {
    timeMs: Math.max(keepaliveTimeMsMin, flags.duration("keepalive-time")),
    timeoutMs: Math.max(1, flags.duration("keepalive-timeout")),
  };
}

/** Reads an endpoint as the flags have it spoken to. */
export function endpointOf(flags: FlagValues, text: string): Endpoint {
  try {
    return parseEndpoint(text, isSecure(flags));
  } catch (error) {
    throw error instanceof CommandError ? badArguments(error.message) : error;
  }
}

/** ETCD: certificates on the command line mean TLS, unless an endpoint says otherwise. */
function isSecure(flags: FlagValues): boolean {
  return (
    !flags.bool("insecure-transport") ||
    flags.text("cacert") !== "" ||
    flags.text("cert") !== "" ||
    flags.bool("insecure-skip-tls-verify")
  );
}

async function readEndpoints(flags: FlagValues): Promise<readonly Endpoint[]> {
  const domain = flags.text("discovery-srv");
  const texts = domain === "" ? flags.text("endpoints").split(",") : await discover(flags, domain);
  return texts
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => endpointOf(flags, text));
}

/** ETCD: endpoints with TLS stand in another record than those without. */
async function discover(flags: FlagValues, domain: string): Promise<readonly string[]> {
  const suffix = flags.text("discovery-srv-name") === "" ? "" : `-${flags.text("discovery-srv-name")}`;
  const services = [{ service: `etcd-client-ssl${suffix}`, scheme: "https" }];
  if (flags.bool("insecure-discovery")) {
    services.push({ service: `etcd-client${suffix}`, scheme: "http" });
  }
  const found = await Promise.all(
    services.map(async ({ service, scheme }) => {
      const records = await resolveSrv(`_${service}._tcp.${domain}`).catch(() => []); // None of that kind: the other may do.
      return records.map(({ name, port }) => `${scheme}://${name}:${port}`);
    }),
  );
  const endpoints = found.flat();
  if (endpoints.length === 0) {
    throw badArguments(`--discovery-srv: ${domain} has no SRV records of etcd's clients`);
  }
  return endpoints;
}

function readTls(flags: FlagValues): ClientTls | null {
  const files = { cacert: flags.text("cacert"), cert: flags.text("cert"), key: flags.text("key") };
  if ((files.cert === "") !== (files.key === "")) {
    throw badArguments(`--cert and --key come together [key: ${files.key}, cert: ${files.cert}]`);
  }
  if (files.cacert === "" && files.cert === "" && !flags.bool("insecure-skip-tls-verify")) {
    return null;
  }
  return {
    ...(files.cacert === "" ? {} : { certificateAuthority: readPem("cacert", files.cacert) }),
    ...(files.cert === ""
      ? {}
      : { certificate: readPem("cert", files.cert), key: readPem("key", files.key) }),
    insecureSkipVerify: flags.bool("insecure-skip-tls-verify"),
  };
}

function readPem(flag: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CtlError(`--${flag}: ${file} cannot be read (${code})`, 128, false, { cause: error });
  }
}

/** Who asks, from `name` or `name:password` and a password that may stand apart; asks for one that is missing. */
async function readCredentials(
  user: string,
  password: string,
): Promise<{ readonly name: string; readonly password: string } | null> {
  if (user === "") {
    return null;
  }
  if (password !== "") {
    return { name: user, password };
  }
  const colon = user.indexOf(":");
  return colon >= 0
    ? { name: user.slice(0, colon), password: user.slice(colon + 1) }
    : { name: user, password: await askSecret("Password: ") };
}
