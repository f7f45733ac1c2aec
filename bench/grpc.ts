/**
 * What a unary call costs the server: CPU time per echo of 256 bytes, HTTP/2 of this project against `node:http2`, in turn.
 *
 * Server and load are processes of their own, so that neither's CPU is the other's; the load is light-client.ts.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createGrpcServer } from "@quorate/grpc";
import { LightClient } from "./light-client.ts";

const path = "/bench.Echo/Say";
const implementations = ["own", "node"] as const;
type Implementation = (typeof implementations)[number];

/** One load: connections, and calls in flight on each. */
interface Load {
  readonly connections: number;
  readonly streams: number;
}

const loads: readonly Load[] = [
  { connections: 1, streams: 1 },
  { connections: 1, streams: 100 },
  { connections: 10, streams: 100 },
  { connections: 100, streams: 10 },
];

/** What one round of one server gave. */
interface Sample {
  readonly calls: number;
  readonly cpuUs: number;
  readonly seconds: number;
}

/** Figures of one load, medians over the rounds. */
export interface GrpcResult {
  readonly load: string;
  readonly ownCpuUs: number;
  readonly nodeCpuUs: number;
  readonly ratios: readonly number[];
  readonly ownPerSecond: number;
  readonly nodePerSecond: number;
}

type Request =
  | { readonly ask: "cpu" }
  | { readonly ask: "load"; readonly port: number; readonly load: Load; readonly milliseconds: number };

function ask<T>(child: ChildProcess, request: Request): Promise<T> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null): void => reject(new Error(`bench grpc: a process ended with ${code}`));
    child.once("exit", died);
    child.once("message", (answer) => {
      child.removeListener("exit", died);
      resolve(answer as T);
    });
    child.send(request);
  });
}

function start(role: string): ChildProcess {
  return fork(import.meta.filename, [role], { execArgv: ["--conditions=source"] });
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

async function measure(
  server: ChildProcess,
  client: ChildProcess,
  port: number,
  load: Load,
  milliseconds: number,
): Promise<Sample> {
  const before = await ask<number>(server, { ask: "cpu" });
  const calls = await ask<number>(client, { ask: "load", port, load, milliseconds });
  const after = await ask<number>(server, { ask: "cpu" });
  return { calls, cpuUs: (after - before) / calls, seconds: milliseconds / 1000 };
}

/** Runs all loads, the two implementations in turn within each round. */
export async function benchGrpc(rounds = 3, milliseconds = 1000): Promise<readonly GrpcResult[]> {
  const client = start("load");
  const servers = new Map<Implementation, { readonly process: ChildProcess; readonly port: number }>();
  for (const implementation of implementations) {
    const server = start(implementation);
    const port = await new Promise<number>((resolve) =>
      server.once("message", (told) => resolve(Number(told))),
    );
    servers.set(implementation, { process: server, port });
  }
  const results: GrpcResult[] = [];
  for (const load of loads) {
    const samples: Record<Implementation, Sample[]> = { own: [], node: [] };
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const [implementation, server] of servers) {
        const sample = await measure(server.process, client, server.port, load, milliseconds);
        if (round > 0) {
          samples[implementation].push(sample);
        }
      }
    }
    results.push(summarize(load, samples));
  }
  client.kill();
  for (const server of servers.values()) {
    server.process.kill();
  }
  return results;
}

function summarize(load: Load, samples: Readonly<Record<Implementation, readonly Sample[]>>): GrpcResult {
  const rate = (one: Sample): number => one.calls / one.seconds;
  return {
    load: `${load.connections} × ${load.streams}`,
    ownCpuUs: median(samples.own.map((one) => one.cpuUs)),
    nodeCpuUs: median(samples.node.map((one) => one.cpuUs)),
    ratios: samples.own.map((one, i) => (samples.node[i]?.cpuUs ?? Number.NaN) / one.cpuUs),
    ownPerSecond: median(samples.own.map(rate)),
    nodePerSecond: median(samples.node.map(rate)),
  };
}

/** Prints what {@link benchGrpc} gave. */
export function printGrpc(results: readonly GrpcResult[]): readonly GrpcResult[] {
  console.log("\nserver's CPU per unary echo of 256 bytes, connections × calls in flight on each (medians)");
  console.table(
    results.map((one) => ({
      load: one.load,
      "own µs": Number(one.ownCpuUs.toFixed(2)),
      "node:http2 µs": Number(one.nodeCpuUs.toFixed(2)),
      "ratio min/median/max": [Math.min(...one.ratios), median(one.ratios), Math.max(...one.ratios)]
        .map((ratio) => ratio.toFixed(1))
        .join(" / "),
      "own calls/s": Math.round(one.ownPerSecond),
      "node:http2 calls/s": Math.round(one.nodePerSecond),
    })),
  );
  return results;
}

async function serve(http2: Implementation): Promise<void> {
  const server = createGrpcServer({ http2 });
  server.register(path, { kind: "unary", handle: (request, call) => call.respond(request) });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  process.on("message", () => {
    const cpu = process.cpuUsage();
    process.send?.(cpu.user + cpu.system);
  });
  process.send?.(port);
}

async function runLoad(port: number, load: Load, milliseconds: number): Promise<number> {
  const message = Buffer.alloc(256, "v");
  const clients = await Promise.all(
    Array.from({ length: load.connections }, () => LightClient.open("127.0.0.1", port, path)),
  );
  const untilMs = performance.now() + milliseconds;
  let calls = 0;
  await Promise.all(
    clients.flatMap((client) =>
      Array.from(
        { length: load.streams },
        () =>
          new Promise<void>((resolve, reject) => {
            const next = (): void => {
              if (performance.now() >= untilMs) {
                resolve();
                return;
              }
              client.call(message, (ok) => {
                calls++;
                if (ok) {
                  next();
                } else {
                  reject(new Error("bench grpc: a call failed"));
                }
              });
            };
            next();
          }),
      ),
    ),
  );
  for (const client of clients) {
    client.close();
  }
  return calls;
}

const role = process.argv[2];
if (process.send !== undefined && import.meta.main) {
  if (role === "own" || role === "node") {
    await serve(role);
  } else {
    process.on("message", (request: Request) => {
      if (request.ask === "load") {
        void runLoad(request.port, request.load, request.milliseconds).then((calls) => process.send?.(calls));
      }
    });
  }
}
