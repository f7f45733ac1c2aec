/** A cluster of real `kv-http` processes, with the commands a user would type. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePorts } from "@quorate/raft-node/testing";
import { ExampleProcess, eventually } from "../../support/processes.ts";

const script = "kv-http/main.ts";
/** As a shell at the top of the checkout has it. */
export const shell = "npm run example:kv-http --";
/** Time-outs that a busy machine does not miss. */
export const calm: readonly string[] = [
  ...["--election-timeout", "1000", "--election-timeout-max", "1000"],
  ...["--heartbeat-interval", "100"],
];

/** What a server may say, all routes together. */
interface Said {
  readonly error: string;
  readonly code: string;
  readonly leader: string | null;
  readonly address: string | null;
  readonly role: string;
  readonly log: { readonly firstIndex: number };
  readonly members: readonly { readonly id: string; readonly role: string; readonly http: string | null }[];
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Said;
}

interface Node {
  readonly name: string;
  readonly addr: string;
  readonly url: string;
  readonly httpPort: number;
  readonly data: string;
}

async function ask(url: string, method = "GET", body?: object | string): Promise<Answer> {
  const content = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: content }) });
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return { status: response.status, text, json: (isJson ? JSON.parse(text) : {}) as Said };
}

/** Nodes with ports and folders; none runs until it is started. */
export class Cluster {
  readonly folder: string;
  readonly nodes: readonly Node[];
  readonly founders: number;
  readonly #running: Map<number, ExampleProcess> = new Map();

  private constructor(folder: string, ports: readonly number[], founders: number) {
    this.folder = folder;
    this.founders = founders;
    this.nodes = ports.map((port, i) => ({
      name: `node-aws-${i}`,
      addr: `127.0.0.1:${port}`,
      url: `http://127.0.0.1:${port + 1}`,
      httpPort: port + 1,
      data: join(folder, `node-aws-${i}`),
    }));
  }

  static async create(t: TestContext, founders = 3, others = 1): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), "kv-http-"));
    const cluster = new Cluster(folder, await freePorts(founders + others, 2), founders);
    t.after(async () => {
      await Promise.all([...cluster.#running.values()].map((process) => process.stop("SIGKILL")));
      await rm(folder, { recursive: true, force: true });
    });
    return cluster;
  }

  get peers(): string {
    return this.nodes
      .slice(0, this.founders)
      .map(({ addr }) => addr)
      .join();
  }

  args(i: number, more: readonly string[] = []): string[] {
    const { addr, data, httpPort, name } = this.node(i);
    const own = ["--addr", addr, "--peers", this.peers, "--id", name, "--http-port", String(httpPort)];
    return ["start", ...own, "--data", data, ...more];
  }

  node(i: number): Node {
    const node = this.nodes[i];
    if (node === undefined) {
      throw new Error(`no node ${i}`);
    }
    return node;
  }

  process(i: number): ExampleProcess {
    const process = this.#running.get(i);
    if (process === undefined) {
      throw new Error(`node ${i} does not run`);
    }
    return process;
  }

  async start(i: number, more: readonly string[] = calm): Promise<ExampleProcess> {
    const process = new ExampleProcess(script, this.args(i, more));
    this.#running.set(i, process);
    await process.printed(/serves http/, 60_000);
    return process;
  }

  /** Starts the founders and waits until each knows the leader and where the others answer HTTP. */
  async startAll(more: readonly string[] = calm): Promise<void> {
    const founders = this.nodes.slice(0, this.founders).map((_, i) => i);
    await Promise.all(founders.map((i) => this.start(i, more)));
    await this.settled(founders);
  }

  async settled(nodes: readonly number[]): Promise<void> {
    await eventually("all nodes know the leader and each other's HTTP addresses", async () => {
      const seen = await Promise.all(nodes.map((i) => ask(`${this.node(i).url}/status`)));
      const leaders = new Set(seen.map(({ json }) => json.leader));
      const known = seen.every(({ json }) => json.members.every(({ http }) => http !== null));
      return leaders.size === 1 && !leaders.has(null) && known && (seen[0]?.json.members.length ?? 0) > 0;
    });
  }

  async stop(i: number, signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
    const process = this.process(i);
    this.#running.delete(i);
    return await process.stop(signal);
  }

  /** Resolves with the exit code of a node that ends by itself. */
  ended(i: number): Promise<number> {
    return this.stop(i, "SIGCONT");
  }

  status(i: number): Promise<Answer> {
    return ask(`${this.node(i).url}/status`);
  }

  /** Which node leads, as those that run have it. */
  async leader(): Promise<number> {
    let leader = -1;
    await eventually("a leader", async () => {
      for (const i of this.#running.keys()) {
        const { json } = await this.status(i);
        if (json.role === "leader") {
          leader = i;
        }
      }
      return leader !== -1;
    });
    return leader;
  }

  async follower(): Promise<number> {
    const leader = await this.leader();
    const follower = [...this.#running.keys()].find((i) => i !== leader);
    if (follower === undefined) {
      throw new Error("no follower runs");
    }
    return follower;
  }

  post(i: number, path: string, body: object | string): Promise<Answer> {
    return ask(`${this.node(i).url}${path}`, "POST", body);
  }

  /** The table of node `i`. */
  async inspect(i: number): Promise<string> {
    const { status, text } = await ask(`${this.node(i).url}/inspect`);
    if (status !== 200) {
      throw new Error(text);
    }
    return text;
  }

  /** Keys in the table of node `i`. */
  async keys(i: number): Promise<Set<string>> {
    return new Set(
      [...(await this.inspect(i)).matchAll(/<tr><td>(.*?)<\/td>/g)].map((match) => match[1] ?? ""),
    );
  }
}
