/** One server: a member of the cluster with its storage and transport, and the HTTP server in front of it. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConfigError, noNode } from "@quorate/raft";
import { RaftNode, type RaftNodeEvent, type RaftNodeSettings } from "@quorate/raft-node";
import { idOf, nameOf } from "./config.ts";
import { createHttp } from "./http.ts";
import { type Command, KeyValueMachine } from "./machine.ts";

/** The flags of `start`. */
export interface StartFlags {
  readonly addr: string;
  readonly peers: readonly string[];
  readonly id: string;
  readonly httpPort: number;
  readonly data: string;
  readonly storage: "wal" | "lmdb";
  readonly transport: "tcp" | "grpc";
  readonly join: boolean;
}

/** Starts a server that runs until `stop`, or until it is removed from the cluster. */
export async function startServer(
  flags: StartFlags,
  settings: RaftNodeSettings,
): Promise<{ stop(): Promise<void>; readonly ended: Promise<void> }> {
  const id = checkFlags(flags);
  const machine = new KeyValueMachine();
  const founders = flags.peers.join();
  const retired = Promise.withResolvers<void>();
  const node = await RaftNode.start<Command, boolean>({
    ...settings,
    id,
    dataDir: flags.data,
    listen: flags.addr,
    peers: peersOf(flags),
    join: flags.join,
    stateMachine: machine,
    application: new TextEncoder().encode(founders),
    // The adapters, one line each, loaded when asked for; without them the own log and the own TCP protocol.
    ...(flags.storage === "lmdb" && { openStorage: (await import("@quorate/storage-lmdb")).lmdbStorage() }),
    ...(flags.transport === "grpc" && {
      openTransport: (await import("@quorate/transport-grpc")).grpcTransport(),
    }),
    onEvent: teller(flags.id, retired.resolve),
    onFatal: (error) => {
      console.error(`${flags.id}: ${error.message}`);
      process.exit(1);
    },
  });
  const http = createHttp({ node, machine, bodyBytesMax: 64 * 1024 * 1024 });
  const ended = Promise.withResolvers<void>();
  const stop = async (): Promise<void> => {
    http.close();
    http.closeIdleConnections();
    await node.stop();
    http.closeAllConnections();
    ended.resolve();
  };
  try {
    const stored = new TextDecoder().decode(node.metadata.application);
    if (stored !== founders) {
      throw new ConfigError([`--peers ${founders} contradicts ${flags.data}, which was made with ${stored}`]);
    }
    const host = flags.addr.slice(0, flags.addr.lastIndexOf(":"));
    await once(http.listen(flags.httpPort, host), "listening");
    const url = `http://${host}:${flags.httpPort}`;
    console.log(`${flags.id} listens for its peers on ${flags.addr}, serves ${url}, keeps ${flags.data}`);
    void announce(node, machine, url);
  } catch (error) {
    await node.stop();
    throw error;
  }
  void retired.promise.then(stop);
  return { stop, ended: ended.promise };
}

function checkFlags({ addr, data, id, join: joins, peers, storage }: StartFlags): number {
  const problems: string[] = [];
  const position = peers.indexOf(addr);
  if (new Set(peers).size !== peers.length) {
    problems.push("--peers names an address twice");
  }
  if (!joins && position === -1) {
    problems.push(`--peers lacks --addr ${addr}`);
  } else if (!joins && nameOf(position + 1) !== id) {
    problems.push(`--id is ${id}, but ${addr} is ${nameOf(position + 1)} in --peers`);
  }
  const other = storage === "lmdb" ? "wal" : "lmdb";
  if (existsSync(join(data, storage === "lmdb" ? "meta" : "raft.mdb"))) {
    problems.push(`${data} was made with --storage ${other}`);
  }
  const member = idOf(id);
  if (problems.length > 0 || member === null) {
    throw new ConfigError(problems);
  }
  return member;
}

/** The peer list gives each founder its id by its place; whoever joins under an address of the list takes that place. */
function peersOf({ addr, join: joins, peers }: StartFlags): Record<number, string> {
  const founders = peers.map((address, position) => [position + 1, address] as const);
  return Object.fromEntries(joins ? founders.filter(([, address]) => address !== addr) : founders);
}

/** Tells all nodes where this one answers HTTP; a later leader needs it as much as this one. */
async function announce(
  node: RaftNode<Command, boolean>,
  machine: KeyValueMachine,
  url: string,
): Promise<void> {
  while (machine.url(node.id) !== url && node.status().state === "running") {
    try {
      await node.propose({ op: "serve", id: node.id, url }, { deadlineMs: 1000 });
    } catch {
      await delay(100); // No leader yet, or this node waits to be added: it goes on until it is told.
    }
  }
}

/** Prints what happens, a line an event; a refusal, which is tried again and again, once until there is a leader. */
function teller(name: string, retire: () => void): (event: RaftNodeEvent) => void {
  const refused = new Set<string>();
  return (event) => {
    const line = lineOf(name, event);
    if (line !== null && !refused.has(line)) {
      console.log(line);
    }
    if (line !== null && (event.type === "refused" || event.type === "refused-by")) {
      refused.add(line);
    } else if (event.type === "leader") {
      refused.clear();
    } else if (event.type === "retired") {
      retire();
    }
  };
}

function lineOf(name: string, event: RaftNodeEvent): string | null {
  switch (event.type) {
    case "leader":
      if (event.leader === noNode) {
        return null;
      }
      return `${name} ${nameOf(event.leader) === name ? "leads" : `follows ${nameOf(event.leader)}`} in term ${event.term}`;
    case "member-promoted":
      return `${nameOf(event.id)} has caught up and is a voter now`;
    case "snapshot-made":
      return `${name} made a snapshot of entries up to ${event.snapshot.index}`;
    case "snapshot-installed":
      return `${name} caught up by a snapshot of entries up to ${event.snapshot.index}`;
    case "refused-by":
      return `${name} is refused by ${nameOf(event.peer)}: ${refusals[event.cause] ?? event.detail}`;
    case "refused":
      return `${name} refuses ${event.remote}: ${refusals[event.cause] ?? event.detail}`;
    case "recovered":
      return `${name}: ${event.what}`;
    case "retired":
      return `${name} was removed from the cluster and stops`;
    default:
      return null;
  }
}

/** Why a connection is refused, where the library's own words would name members by their numbers. */
const refusals: Readonly<Record<string, string>> = {
  "unknown-peer": "not a member, or not yet",
  removed: "it was removed from the cluster",
};
