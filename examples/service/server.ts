/**
 * A replicated state machine behind HTTP, for `examples/register` and `examples/hashmap`. Each member has one address for its clients;
 * its peers reach it 1,000 ports above. `GET /leader` says who leads, `POST /query` reads, `POST /command` writes; members that do
 * not lead answer the latter two with a redirect.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { RaftError } from "@quorate/raft";
import { type JsonStateMachine, RaftNode } from "@quorate/raft-node";
import type { Members } from "./arguments.ts";

/** A state machine that answers questions, too. */
export interface QueryMachine<Command, Result, Query> extends JsonStateMachine<Command, Result> {
  /** Whether this came in as a command: what is not must never reach the log, where every member would trip over it. */
  isCommand(body: unknown): body is Command;
  isQuery(body: unknown): body is Query;
  query(query: Query): unknown;
}

/** What a server is started with. */
interface ServerOptions<Command, Result, Query> {
  /** `register`: names the cluster, and stands before what is printed. */
  readonly name: string;
  readonly id: number;
  /** Addresses for clients, by id. */
  readonly members: Members;
  /** Addresses for peers, by id. */
  readonly peers: Members;
  readonly dataDir: string;
  readonly machine: QueryMachine<Command, Result, Query>;
}

const requestBytesMax = 1024 * 1024;
const deadlineMs = 3000;

/** Runs one member until it is told to stop; resolves with the exit code. */
export async function serve<Command, Result, Query>(
  options: ServerOptions<Command, Result, Query>,
): Promise<number> {
  const { id, members, name } = options;
  const node = await startNode(options);
  const server = createServer((request, response) => {
    answer(node, options, request)
      .catch((error: unknown) => failure(error))
      .then((reply) => send(response, reply));
  });
  const { host, port } = parts(addressOf(members, id));
  try {
    await once(server.listen(port, host), "listening");
    console.log(`${name} ${id} serves on http://${host}:${port}`);
    node.subscribe((event) => {
      if (event.type === "leader" && event.leader !== 0) {
        console.log(
          `${name} ${id} follows ${event.leader === id ? "itself" : event.leader} in term ${event.term}`,
        );
      }
    });
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
    return 0;
  } finally {
    server.close();
    server.closeAllConnections();
    await node.stop();
  }
}

async function startNode<Command, Result, Query>(
  options: ServerOptions<Command, Result, Query>,
): Promise<RaftNode<Command, Result>> {
  const { dataDir, id, machine, name, peers } = options;
  const node = await RaftNode.start<Command, Result>({
    id,
    cluster: name,
    dataDir,
    listen: addressOf(peers, id),
    peers: Object.fromEntries(peers),
    tickMs: 20,
    stateMachine: machine,
  });
  const stored = node.metadata.confState.voters.join(", ");
  const given = [...peers.keys()].sort((left, right) => left - right).join(", ");
  if (stored !== given) {
    await node.stop();
    throw new Error(`${dataDir} is of a cluster with members ${stored}, but the list names ${given}`);
  }
  return node;
}

/** Status, body, and where to go instead. */
interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

async function answer<Command, Result, Query>(
  node: RaftNode<Command, Result>,
  { machine, members }: ServerOptions<Command, Result, Query>,
  request: IncomingMessage,
): Promise<Reply> {
  const leader = members.get(node.leader) ?? null;
  if (request.method === "GET" && request.url === "/leader") {
    return { status: 200, body: { leader } };
  }
  if (request.method !== "POST" || (request.url !== "/query" && request.url !== "/command")) {
    return { status: 404, body: { error: "GET /leader, POST /query, POST /command" } };
  }
  if (!node.isLeader) {
    return leader === null
      ? { status: 503, body: { error: "no leader is known", maybeApplied: false } }
      : { status: 307, body: { leader }, location: `http://${leader}${request.url}` };
  }
  const body = await readJson(request);
  if (request.url === "/command") {
    if (!machine.isCommand(body)) {
      throw new TypeError("not a command");
    }
    // Answered only when a majority has it on disk and it is applied here.
    return { status: 200, body: { value: await node.propose(body, { deadlineMs }) } };
  }
  if (!machine.isQuery(body)) {
    throw new TypeError("not a query");
  }
  // A leader that was cut off does not know it: it answers only after a majority has confirmed that it leads. RAFT §6.4.
  return {
    status: 200,
    body: { value: await node.read(() => machine.query(body), { deadlineMs }) },
  };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > requestBytesMax) {
      throw new RangeError(`more than ${requestBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** What was not applied for certain may be tried again; `maybeApplied` says when that is not certain. */
function failure(error: unknown): Reply {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RaftError) {
    return { status: 503, body: { error: message, maybeApplied: error.maybeCommitted } };
  }
  return { status: 400, body: { error: message, maybeApplied: false } };
}

function send(response: ServerResponse, { body, location, status }: Reply): void {
  const headers = { "content-type": "application/json", ...(location === undefined ? {} : { location }) };
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`);
}

function addressOf(members: Members, id: number): string {
  const address = members.get(id);
  if (address === undefined) {
    throw new Error(`member ${id} is not in the list`);
  }
  return address;
}

function parts(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
