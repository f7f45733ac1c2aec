/** What an instance is told, by flags or by variables, and how its peers are found from it. */
import { parseArgs } from "node:util";
import { ConfigError } from "@quorate/raft";

/** Another instance. */
interface Peer {
  readonly id: number;
  readonly host: string;
  /** Where its pages are. */
  readonly port: number;
}

/** A checked configuration. */
export interface InstanceConfig {
  readonly id: number;
  /** Where the pages are; the Raft port lies {@link raftPortDistance} above it. */
  readonly port: number;
  readonly peers: readonly Peer[];
  readonly dataDir: string;
  /** Host name of an instance, `%` standing for its id. */
  readonly hostPattern: string;
  /** The cluster exists already: ask to be taken in. Of no effect once that has happened. */
  readonly join: boolean;
}

/** From the port of an instance's pages to the one where its peers reach it. */
const raftPortDistance = 1000;

const portMax = 65_535 - raftPortDistance;

/** Name of the flag → name of the variable. */
const settings = {
  id: "ID",
  "peer-ids": "PEER_IDS",
  port: "PORT",
  "rpc-clients-ports": "RPC_CLIENTS_PORTS",
  "data-dir": "DATA_DIR",
  "host-pattern": "HOST_PATTERN",
  join: "JOIN",
} as const;

type Setting = keyof typeof settings;

/** Flags go before variables. @throws ConfigError with every problem at once. */
export function readConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): InstanceConfig {
  const text = readTexts(args, environment);
  const problems: string[] = [];
  const id = readNumber("ID", text("id") ?? "", Number.MAX_SAFE_INTEGER, problems);
  const port = readNumber("PORT", text("port") ?? "8001", portMax, problems);
  const hostPattern = text("host-pattern") ?? "raft%";
  const join = text("join") ?? "false";
  if (!/^(true|false|)$/.test(join)) {
    problems.push(`JOIN "${join}" is neither true nor false`);
  }
  const ids = readList("PEER_IDS", text("peer-ids"), Number.MAX_SAFE_INTEGER, problems);
  const ports = readList("RPC_CLIENTS_PORTS", text("rpc-clients-ports"), portMax, problems);
  if (ids.length !== ports.length) {
    problems.push(
      `PEER_IDS names ${ids.length} peers, RPC_CLIENTS_PORTS ${ports.length} ports: one for each`,
    );
  }
  if (ids.includes(id) || new Set(ids).size !== ids.length) {
    problems.push("PEER_IDS names an instance twice, or this one");
  }
  const peers = ids.map((peer, i) => ({ id: peer, host: hostOf(hostPattern, peer), port: ports[i] ?? 0 }));
  // Containers that all listen on 8001 have hosts of their own; on one host a port belongs to one instance.
  const places = [{ id, host: hostOf(hostPattern, id), port }, ...peers].map(
    ({ host, port: at }) => `${host}:${at}`,
  );
  if (new Set(places).size !== places.length) {
    problems.push("two instances have the same host and port: peers would reach only themselves");
  }
  if (join === "true" && ids.length === 0) {
    problems.push("JOIN needs PEER_IDS: whom to ask");
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { id, port, peers, dataDir: text("data-dir") ?? "/data", hostPattern, join: join === "true" };
}

function readTexts(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): (setting: Setting) => string | undefined {
  const names = Object.keys(settings) as Setting[];
  try {
    const { values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
    });
    const given = values as Partial<Record<Setting, string>>;
    return (setting) => given[setting] ?? environment[settings[setting]];
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)]);
  }
}

function readNumber(name: string, text: string, most: number, problems: string[]): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= most)) {
    problems.push(`${name} "${text}" is not a number from 1 to ${most}`);
  }
  return value;
}

function readList(name: string, text: string | undefined, most: number, problems: string[]): number[] {
  const words = (text ?? "").split(",").filter((word) => word.trim() !== "");
  return words.map((word) => readNumber(name, word.trim(), most, problems));
}

function hostOf(pattern: string, id: number): string {
  return pattern.replace("%", String(id));
}

/** Where an instance, this one or a peer, is reached by its peers. */
export function peerAddress(
  config: InstanceConfig,
  id: number,
): { readonly host: string; readonly port: number } {
  const port = id === config.id ? config.port : (config.peers.find((peer) => peer.id === id)?.port ?? 0);
  return { host: hostOf(config.hostPattern, id), port: port + raftPortDistance };
}
