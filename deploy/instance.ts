/**
 * One instance of the containers' cluster: a replicated register behind a few HTTP pages. It is told by environment variables who it
 * is and whom it works with; flags are an alternative (`--peer-ids` for PEER_IDS).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ConfigError, noNode, RaftError, StorageError } from "@quorate/raft";
import { RaftNode } from "@quorate/raft-node";
import { type InstanceConfig, peerAddress, readConfig } from "./config.ts";

/** The replicated state: one text. */
interface Register {
  value: string;
}

type Node = RaftNode<{ readonly value: string }, string>;

const bodyBytesMax = 64 * 1024;
const requestMs = 5000;

async function startNode(config: InstanceConfig, register: Register): Promise<Node> {
  const members = [config.id, ...config.peers.map(({ id }) => id)].sort((left, right) => left - right);
  return RaftNode.start<{ readonly value: string }, string>({
    id: config.id,
    cluster: "instances",
    dataDir: config.dataDir,
    listen: `0.0.0.0:${peerAddress(config, config.id).port}`,
    peers: Object.fromEntries(
      members
        .filter((id) => !(config.join && id === config.id))
        .map((id) => {
          const { host, port } = peerAddress(config, id);
          return [id, `${host}:${port}`];
        }),
    ),
    join: config.join,
    stateMachine: {
      apply: ({ value }) => {
        const before = register.value;
        register.value = value;
        return before;
      },
      snapshot: () => register.value,
      restore: (image: string) => {
        register.value = image;
      },
    },
    onEvent: (event) => {
      if (event.type === "leader" && event.leader !== noNode) {
        const whom = event.leader === config.id ? "leads" : `follows instance ${event.leader}`;
        console.log(`instance ${config.id} ${whom} in term ${event.term}`);
      }
    },
  });
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(code, { "content-type": typeof body === "string" ? "text/plain" : "application/json" });
  response.end(`${text}\n`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += chunk;
    if (body.length > bodyBytesMax) {
      throw new RangeError("the body is too long");
    }
  }
  return body;
}

function statusOf(node: Node): unknown {
  const { role, leader, hardState, confState, machineApplied } = node.status();
  return {
    id: node.id,
    role,
    leader,
    term: hardState.term,
    applied: machineApplied,
    voters: confState.voters,
  };
}

/** Takes a new instance in; only the leader does, others say who leads. */
async function admit(node: Node, body: string): Promise<unknown> {
  const { id, address } = JSON.parse(body) as { id: number; address: string };
  if (!node.members.members.some((member) => member.id === id)) {
    await node.changeMembers([{ op: "add-learner", id, address, label: `instance ${id}`, promote: true }]);
  }
  return statusOf(node);
}

async function handle(node: Node, register: Register, request: IncomingMessage): Promise<[number, unknown]> {
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      return [200, `Hello from instance ${node.id}: one of a cluster that agrees by Raft.`];
    case "GET /status":
      return [200, statusOf(node)];
    case "GET /health":
      return node.leader === noNode ? [503, "no leader"] : [200, "ok"];
    case "GET /value":
      return [200, await node.read(() => ({ value: register.value }), { deadlineMs: requestMs })];
    case "PUT /value": {
      const value = await readBody(request);
      return [200, { before: await node.propose({ value }, { deadlineMs: requestMs }) }];
    }
    case "POST /members":
      return [200, await admit(node, await readBody(request))];
    default:
      return [404, "no such page: / /status /health /value /members"];
  }
}

function serve(node: Node, register: Register, { port }: InstanceConfig): Promise<Server> {
  const server = createServer((request, response) => {
    handle(node, register, request).then(
      ([code, body]) => answer(response, code, body),
      (error: unknown) => {
        const isRaft = error instanceof RaftError;
        const isInput =
          error instanceof SyntaxError || error instanceof RangeError || error instanceof ConfigError;
        const code = isRaft ? 503 : isInput ? 400 : 500;
        answer(response, code, {
          error: error instanceof Error ? error.message : String(error),
          leader: node.leader,
        });
      },
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "0.0.0.0", () => resolve(server));
  });
}

/** Asks the others, again and again, until one that leads has taken this instance in. */
async function joinCluster(node: Node, config: InstanceConfig, stopping: AbortSignal): Promise<void> {
  const { host, port } = peerAddress(config, config.id);
  const body = JSON.stringify({ id: config.id, address: `${host}:${port}` });
  while (!stopping.aborted && !node.members.members.some(({ id }) => id === config.id)) {
    for (const peer of config.peers) {
      try {
        const signal = AbortSignal.timeout(requestMs);
        await fetch(`http://${peer.host}:${peer.port}/members`, { method: "POST", body, signal });
      } catch (error) {
        console.error(`instance ${config.id}: ${peer.host}:${peer.port} does not answer: ${String(error)}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const register: Register = { value: "" };
  const node = await startNode(config, register);
  const server = await serve(node, register, config);
  console.log(`instance ${config.id} serves port ${config.port}`);
  const stopping = new AbortController();
  const stop = async (): Promise<void> => {
    if (stopping.signal.aborted) {
      return;
    }
    stopping.abort();
    server.close();
    server.closeAllConnections();
    await node.stop();
    console.log(`instance ${config.id} stopped`);
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => void stop());
  }
  if (config.join) {
    await joinCluster(node, config, stopping.signal);
  }
}

main().catch((error: unknown) => {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof StorageError ||
    (error instanceof Error && "code" in error);
  const text =
    error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : String(error);
  console.error(`instance: ${text.replaceAll(/\s*\n\s*/g, "; ")}`);
  process.exit(error instanceof ConfigError ? 2 : 1);
});
