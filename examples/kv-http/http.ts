/** The HTTP side of one node. Every answer that says "stored" comes after a majority had the entry on disk and this node applied it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { noNode, RaftError } from "@quorate/raft";
import type { MemberChangeStep, RaftNode } from "@quorate/raft-node";
import { idOf, nameOf } from "./config.ts";
import { answerTo, HttpError } from "./errors.ts";
import type { Command, KeyValueMachine } from "./machine.ts";

/** The node that answers, and its state. */
interface Context {
  readonly node: RaftNode<Command, boolean>;
  readonly machine: KeyValueMachine;
  readonly bodyBytesMax: number;
}

type Fields = Readonly<Record<string, unknown>>;
/** Any node answers: what only the leader can do, the node asks the leader for. */
type Route = (context: Context, body: Fields) => Promise<object | string>;

/** How long a request waits for a leader before it is given up, in ms. */
const patienceMs = 5_000;

const routes: Readonly<Record<string, Route>> = {
  "POST /store": async ({ node }, body) => {
    const [key, value] = [text(body, "key"), text(body, "value")];
    await patiently((deadlineMs) => node.propose({ op: "set", key, value }, { deadlineMs }));
    return { stored: key };
  },
  "DELETE /delete": async ({ node }, body) => {
    const key = text(body, "key");
    if (!(await patiently((deadlineMs) => node.propose({ op: "delete", key }, { deadlineMs })))) {
      throw new HttpError(404, `there is no key ${JSON.stringify(key)}`);
    }
    return { deleted: key };
  },
  "GET /inspect": ({ machine, node }) =>
    // A linearizable read: the leader confirms that nothing acknowledged is missing, so all nodes show the same.
    patiently((deadlineMs) => node.read(() => table(machine.pairs), { deadlineMs })),
  "GET /status": async ({ machine, node }) => {
    const { hardState, machineApplied, role } = node.status();
    return {
      id: nameOf(node.id),
      role,
      leader: node.leader === noNode ? null : nameOf(node.leader),
      term: hardState.term,
      committed: node.committed,
      applied: machineApplied,
      keys: machine.size,
      log: node.logRange,
      members: members(node, machine),
    };
  },
  "POST /config": async ({ machine, node }, body) => {
    const change = changeOf(body);
    await patiently((deadlineMs) => node.changeMembers([change], { deadlineMs }));
    return { members: members(node, machine) };
  },
  "POST /transfer": async ({ node }, body) => {
    const to = member(text(body, "to"));
    return { leader: nameOf(await patiently((deadlineMs) => node.transferLeadership(to, { deadlineMs }))) };
  },
};

/** An HTTP server of `context`, not listening yet. */
export function createHttp(context: Context): Server {
  return createServer((request, response) => {
    respond(context, request, response).catch((error: unknown) => answerError(response, error));
  });
}

async function respond(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const name = `${request.method} ${pathname}`;
  const route = routes[name];
  if (route === undefined) {
    throw new HttpError(404, `there is no ${name}; there are ${Object.keys(routes).join(", ")}`);
  }
  const body = request.method === "GET" ? {} : parse(await bodyOf(request, context.bodyBytesMax));
  const { machine, node } = context;
  const away = name !== "GET /status" && !node.isLeader;
  if (away && searchParams.get("forward") === "false") {
    const leader = node.leader === noNode ? null : nameOf(node.leader);
    const address = machine.url(node.leader) ?? null;
    throw new HttpError(421, `${nameOf(node.id)} does not lead`, { leader, address });
  }
  const answer = await route(context, body);
  const isPage = typeof answer === "string";
  response.setHeader("content-type", isPage ? "text/html; charset=utf-8" : "application/json");
  response.end(isPage ? answer : `${JSON.stringify(answer)}\n`);
}

/** Tries again for as long as it is certain that nothing was done: a new leader is mostly a moment away. */
async function patiently<T>(attempt: (deadlineMs: number) => Promise<T>): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt(Math.max(1, untilMs - performance.now()));
    } catch (error) {
      const passing = error instanceof RaftError && !error.maybeCommitted && passingCodes.has(error.code);
      if (!passing || performance.now() > untilMs) {
        throw error;
      }
      await delay(20);
    }
  }
}

const passingCodes: ReadonlySet<string> = new Set([
  "RAFT_NOT_LEADER",
  "RAFT_LEADER_CHANGED",
  "RAFT_LEADERSHIP_TRANSFERRING",
]);

function members(node: RaftNode<Command, boolean>, machine: KeyValueMachine): object[] {
  const { confState, members: infos } = node.members;
  return infos.map(({ address, id }) => ({
    id: nameOf(id),
    role: confState.voters.includes(id) ? "voter" : "learner",
    ...(address === "" ? {} : { address }),
    http: machine.url(id) ?? null,
  }));
}

function answerError(response: ServerResponse, error: unknown): void {
  const { body, status } = answerTo(error);
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify(body)}\n`);
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new HttpError(413, `the request has more than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(raw: string): Fields {
  try {
    const body: unknown = JSON.parse(raw);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return body as Fields;
    }
  } catch {
    // Answered below, like JSON that is no object.
  }
  throw new HttpError(400, "the body is not a JSON object");
}

function text(body: Fields, field: string): string {
  const value = body[field];
  if (typeof value !== "string") {
    throw new HttpError(400, `field ${JSON.stringify(field)} must be a string`);
  }
  return value;
}

function changeOf(body: Fields): MemberChangeStep {
  const id = member(text(body, "id"));
  const action = text(body, "action");
  if (action === "REMOVE") {
    return { op: "remove", id };
  }
  if (action !== "ADD") {
    throw new HttpError(400, `action ${JSON.stringify(action)} is neither ADD nor REMOVE`);
  }
  // It receives the log without a vote, and gets one by itself once it has caught up. RAFT §4.2.1.
  return { op: "add-learner", id, address: text(body, "address"), label: nameOf(id), promote: true };
}

function member(name: string): number {
  const id = idOf(name);
  if (id === null) {
    throw new HttpError(400, `${JSON.stringify(name)} is not of the form node-aws-0`);
  }
  return id;
}

function table(pairs: readonly (readonly [string, string])[]): string {
  const rows = pairs.map(([key, value]) => `<tr><td>${escaped(key)}</td><td>${escaped(value)}</td></tr>\n`);
  const head = "<!doctype html>\n<title>Keys</title>\n<table>\n<tr><th>Key</th><th>Value</th></tr>\n";
  return `${head}${rows.join("")}</table>\n`;
}

function escaped(value: string): string {
  return value.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
