/**
 * A web service of several instances with a counter that all of them agree on, and a job that only one of them runs. Each instance is
 * this process: `ID=1 PORT=3001 PEERS="1=127.0.0.1:7001 2=127.0.0.1:7002 3=127.0.0.1:7003" node main.ts`
 */
import { RaftError } from "@quorate/raft";
import { type JsonStateMachine, RaftNode } from "@quorate/raft-node";
import fastify, { type FastifyInstance } from "fastify";

type Command = { readonly type: "add"; readonly amount: number } | { readonly type: "job-done" };

/** What the instances agree on. */
class Counter implements JsonStateMachine<Command, number> {
  value = 0;
  jobs = 0;

  apply(command: Command): number {
    if (command.type === "job-done") {
      this.jobs++;
      return this.jobs;
    }
    this.value += command.amount;
    return this.value;
  }

  snapshot(): { value: number; jobs: number } {
    return { value: this.value, jobs: this.jobs };
  }

  restore(image: { value: number; jobs: number }): void {
    this.value = image.value;
    this.jobs = image.jobs;
  }
}

/** A variable is wrong: exit code 2. */
class UsageError extends Error {}

interface Settings {
  readonly id: number;
  readonly port: number;
  readonly peers: Readonly<Record<number, string>>;
  readonly dataDir: string;
  readonly jobIntervalMs: number;
}

const deadlineMs = 3000;

/** @throws UsageError that says which variable is wrong. */
function readSettings(env: NodeJS.ProcessEnv): Settings {
  const id = wholeNumber(env, "ID", 1);
  const port = wholeNumber(env, "PORT", 3000);
  const peers: Record<number, string> = {};
  for (const pair of (env["PEERS"] ?? "1=127.0.0.1:7001").split(/\s+/)) {
    const [, peer, address = ""] = /^([1-9]\d*)=(.+)$/.exec(pair) ?? [];
    if (
      peer === undefined ||
      Object.entries(peers)
        .flat()
        .some((each) => each === peer || each === address)
    ) {
      throw new UsageError(`PEERS: "${pair}" is not ID=HOST:PORT, or names an instance twice`);
    }
    peers[Number(peer)] = address;
  }
  if (peers[id] === undefined) {
    throw new UsageError(`PEERS does not name ID ${id}`);
  }
  if (port > 65_535) {
    throw new UsageError(`PORT ${port} is no port`);
  }
  const jobIntervalMs = wholeNumber(env, "JOB_INTERVAL_MS", 1000);
  return { id, port, peers, dataDir: env["DATA_DIR"] ?? `data/embed/${id}`, jobIntervalMs };
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, preset: number): number {
  const text = env[name] ?? String(preset);
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new UsageError(`${name} "${text}" is not a whole number of at least 1`);
  }
  return Number(text);
}

function routes(node: RaftNode<Command, number>, counter: Counter): FastifyInstance {
  const server = fastify();
  // Any instance takes a write: it hands it to the leader, and answers when a majority has it on disk.
  server.post<{ Body: { amount: number } }>("/add", {
    schema: {
      body: { type: "object", required: ["amount"], properties: { amount: { type: "integer" } } },
    },
    handler: async ({ body }) => ({
      value: await node.propose({ type: "add", amount: body.amount }, { deadlineMs }),
    }),
  });
  // Sees everything that was acknowledged before the request, on whichever instance.
  server.get("/value", async () => ({ value: await node.read(() => counter.value, { deadlineMs }) }));
  server.get("/health", async () => ({
    id: node.id,
    leader: node.leader,
    jobs: counter.jobs,
    applied: node.applied,
  }));
  server.setErrorHandler((error, _request, reply) => {
    if (error instanceof RaftError) {
      // `maybeCommitted`: nobody knows whether it was applied. Only a session makes trying again safe.
      return reply.code(503).send({ error: error.code, maybeCommitted: error.maybeCommitted });
    }
    return reply.send(error);
  });
  return server;
}

/** Runs `job` every so often while this instance leads, and not on any other. */
async function leaderOnly(node: RaftNode<Command, number>, intervalMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  for await (const { isLeader } of node.leadership()) {
    clearInterval(timer);
    if (isLeader) {
      timer = setInterval(() => void job(node), intervalMs);
    }
  }
  clearInterval(timer);
}

async function job(node: RaftNode<Command, number>): Promise<void> {
  try {
    // A leader that was cut off does not know it. What only one may do, it does after a majority has confirmed that it leads.
    await node.verifyLeader({ deadlineMs });
    const count = await node.propose({ type: "job-done" }, { deadlineMs });
    console.log(`embed ${node.id} ran job ${count}`);
  } catch (error) {
    console.log(`embed ${node.id} ran no job: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function main(): Promise<void> {
  const { dataDir, id, jobIntervalMs, peers, port } = readSettings(process.env);
  const counter = new Counter();
  const node = await RaftNode.start<Command, number>({
    id,
    peers,
    dataDir,
    cluster: "embed",
    listen: peers[id] ?? "",
    tickMs: 20,
    stateMachine: counter,
  });
  const server = routes(node, counter);
  const stop = async (): Promise<void> => {
    await server.close();
    await node.stop(); // Hands leadership over first.
  };
  try {
    await server.listen({ port, host: "127.0.0.1" });
  } catch (error) {
    await stop();
    throw error;
  }
  console.log(`embed ${id} serves on http://127.0.0.1:${port}`);
  process.once("SIGINT", () => void stop());
  process.once("SIGTERM", () => void stop());
  await leaderOnly(node, jobIntervalMs);
}

await main().catch((error: unknown) => {
  console.error(`embed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
