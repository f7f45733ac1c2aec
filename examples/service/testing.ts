/** For the tests of both programs: servers as real processes, and a folder that is gone in the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExampleProcess, eventually } from "../support/processes.ts";

/** Members of one cluster, each a process of its own. */
export class Servers {
  readonly name: string;
  readonly folder: string = mkdtempSync(join(tmpdir(), "quorate-example-"));
  readonly members: readonly string[];
  readonly #running: Map<number, ExampleProcess> = new Map();

  /** `ports` are the clients'. */
  constructor(name: string, ports: readonly number[]) {
    this.name = name;
    this.members = ports.map((port) => `127.0.0.1:${port}`);
  }

  /** As on the command line: `1 127.0.0.1:8080 2 127.0.0.1:8081`. */
  get list(): string[] {
    return this.members.flatMap((address, i) => [String(i + 1), address]);
  }

  /** Starts member `id` and waits until it serves. */
  async start(id: number, env: NodeJS.ProcessEnv = {}): Promise<ExampleProcess> {
    const script = `${this.name}/main.ts`;
    const server = new ExampleProcess(script, ["server", String(id), ...this.list], {
      DATA_DIR: join(this.folder, String(id)),
      ...env,
    });
    this.#running.set(id, server);
    await server.printed(/serves on/);
    return server;
  }

  /** Ends member `id`; resolves with its exit code. */
  async stop(id: number, signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    const server = this.#running.get(id);
    this.#running.delete(id);
    return (await server?.stop(signal)) ?? 0;
  }

  /** Stops member `id` from running at all, as a machine that hangs, until it is sent SIGCONT. */
  pause(id: number): ExampleProcess {
    const server = this.#running.get(id);
    if (server === undefined) {
      throw new Error(`member ${id} does not run`);
    }
    server.signal("SIGSTOP");
    return server;
  }

  /** Waits until `asked` (all that run, without it) name one leader, another than `gone`, and returns its id. */
  async leader(asked: readonly number[] = [...this.#running.keys()], gone = 0): Promise<number> {
    let leader = 0;
    await eventually("a leader that all know", async () => {
      const known = await Promise.all(asked.map((id) => leaderAt(this.members[id - 1] ?? "")));
      leader = this.members.indexOf(known[0] ?? "") + 1;
      return leader > 0 && leader !== gone && known.every((one) => one === known[0]);
    });
    return leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id, "SIGKILL")));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function leaderAt(address: string): Promise<string | null> {
  const response = await fetch(`http://${address}/leader`, {
    headers: { connection: "close" },
    signal: AbortSignal.timeout(2000),
  });
  return ((await response.json()) as { leader: string | null }).leader;
}
