/**
 * What a worker thread for the clients' connections would bring: one server process with gRPC, a synced log and the store, once with
 * all of it in the main thread, once with HTTP/2, gRPC and the codec of requests in a worker that hands batches over shared memory.
 * There is no consensus here: what it costs is the main thread's in both forms. `node bench/workers.ts main|worker` is the server.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import { createGrpcServer, type UnaryCall } from "@quorate/grpc";
import { encodeCommand, KvStateMachine } from "@quorate/kv";
import { runLoadProcess } from "./cluster.ts";
import { createRing, RingReader, RingWriter, type SharedRing } from "./shared-ring.ts";
import { median } from "./statistics.ts";

const forms = ["main", "worker"] as const;
type Form = (typeof forms)[number];

const loads = [
  { clients: 1, connections: 1 },
  { clients: 64, connections: 8 },
  { clients: 1000, connections: 100 },
] as const;

const ringBytes = 16 * 1024 * 1024;
const path = "/etcdserverpb.KV/Put";

/** One load in one form: medians over the rounds. */
export interface WorkerResult {
  readonly load: string;
  readonly form: Form;
  readonly perSecondByRound: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the whole process. */
  readonly cpuUs: number;
  readonly mainThreadUs: number;
}

interface Cost {
  readonly processUs: number;
  readonly mainThreadUs: number;
}

interface Round extends Cost {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Both forms in turn. */
export async function benchWorkers({
  rounds,
  seconds,
}: {
  readonly rounds: number;
  readonly seconds: number;
}): Promise<WorkerResult[]> {
  const servers = await Promise.all(forms.map(startServer));
  try {
    const results: WorkerResult[] = [];
    for (const load of loads) {
      const taken = forms.map((): Round[] => []);
      for (let round = 0; round < rounds; round++) {
        for (const [i, server] of servers.entries()) {
          taken[i]?.push(await measure(server, load, seconds));
        }
      }
      results.push(
        ...forms.map((form, i) => summarize(`put ${load.clients}/${load.connections}`, form, taken[i] ?? [])),
      );
    }
    return results;
  } finally {
    for (const { process: child } of servers) {
      child.kill();
    }
  }
}

interface Server {
  readonly process: ChildProcess;
  readonly port: number;
}

async function startServer(form: Form): Promise<Server> {
  const child = fork(import.meta.filename, [form], {
    execArgv: ["--conditions=source", "--max-semi-space-size=16"],
  });
  const [port] = (await once(child, "message")) as [number];
  return { process: child, port };
}

async function costOf({ process: child }: Server): Promise<Cost> {
  child.send("cost");
  const [cost] = (await once(child, "message")) as [Cost];
  return cost;
}

async function measure(
  server: Server,
  { clients, connections }: { readonly clients: number; readonly connections: number },
  seconds: number,
): Promise<Round> {
  const before = await costOf(server);
  const report = await runLoadProcess(server.port, [
    `--clients=${clients}`,
    `--connections=${connections}`,
    `--seconds=${seconds}`,
  ]);
  const after = await costOf(server);
  const operations = report.perSecond * (seconds + 1); // The warm-up second is work too.
  return {
    ...report,
    processUs: (after.processUs - before.processUs) / operations,
    mainThreadUs: (after.mainThreadUs - before.mainThreadUs) / operations,
  };
}

function summarize(load: string, form: Form, rounds: readonly Round[]): WorkerResult {
  const middle = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    load,
    form,
    perSecondByRound: rounds.map(({ perSecond }) => perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    cpuUs: middle((round) => round.processUs),
    mainThreadUs: middle((round) => round.mainThreadUs),
  };
}

/** Prints a table. */
export function printWorkers(results: readonly WorkerResult[]): readonly WorkerResult[] {
  console.log("\none server with a synced log and the store: connections in the main thread, or in a worker");
  console.table(
    results.map((one) => ({
      load: one.load,
      connections: one.form,
      "puts/s": Math.round(median(one.perSecondByRound)),
      "p50 ms": Number(one.p50Ms.toFixed(2)),
      "p99 ms": Number(one.p99Ms.toFixed(2)),
      "process µs/put": Number(one.cpuUs.toFixed(1)),
      "main thread µs/put": Number(one.mainThreadUs.toFixed(1)),
    })),
  );
  return results;
}

/** Key and value of a PutRequest, fields 1 and 2, as the command of the log. */
function commandOf(request: Uint8Array): Uint8Array {
  const keyEnd = 2 + (request[1] ?? 0);
  const low = request[keyEnd + 1] ?? 0;
  const valueStart = low < 128 ? keyEnd + 2 : keyEnd + 3;
  return encodeCommand({
    type: "put",
    key: request.subarray(2, keyEnd),
    value: request.subarray(valueStart),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  });
}

/** PutResponse { header { revision } }. */
function answerOf(revision: number): Uint8Array {
  const varint: number[] = [];
  for (let rest = revision; ; rest = Math.floor(rest / 128)) {
    varint.push(rest >= 128 ? (rest % 128) | 0x80 : rest);
    if (rest < 128) {
      return Uint8Array.from([0x0a, 1 + varint.length, 0x18, ...varint]);
    }
  }
}

/** The main thread's part in both forms: a batch is written and synced, then applied, then answered. */
class Core {
  readonly #machine = new KvStateMachine();
  readonly #log: number;
  #waiting: { command: Uint8Array; answer: (revision: number) => void }[] = [];
  #writing = false;
  #index = 0;
  readonly #answered: () => void;

  constructor(log: number, answered: () => void) {
    this.#log = log;
    this.#answered = answered;
  }

  submit(command: Uint8Array, answer: (revision: number) => void): void {
    this.#waiting.push({ command, answer });
  }

  /** Writes everything that waits, unless a batch is on its way. */
  turn(): void {
    if (this.#writing || this.#waiting.length === 0) {
      return;
    }
    const batch = this.#waiting;
    this.#waiting = [];
    this.#writing = true;
    const bytes = Buffer.concat(batch.map(({ command }) => command));
    const done = (error: Error | null): void => {
      if (error !== null) {
        throw error;
      }
      this.#writing = false;
      for (const { answer, command } of batch) {
        this.#machine.apply(command, { index: ++this.#index, term: 1 });
        answer(this.#machine.revision);
      }
      this.#answered();
      this.turn();
    };
    write(this.#log, bytes, 0, bytes.length, 0, (error) =>
      error === null ? fdatasync(this.#log, done) : done(error),
    );
  }
}

async function listen(handle: (request: Uint8Array, call: UnaryCall) => void): Promise<number> {
  const server = createGrpcServer({ http2: "own" });
  server.register(path, { kind: "unary", handle });
  return (await server.listen({ host: "127.0.0.1", port: 0 })).port;
}

async function serveInMain(log: number): Promise<number> {
  const core = new Core(log, () => {});
  let queued = false;
  return listen((request, call) => {
    core.submit(commandOf(request), (revision) => call.respond(answerOf(revision)));
    if (!queued) {
      queued = true;
      setImmediate(() => {
        queued = false;
        core.turn();
      });
    }
  });
}

/** What the worker is started with. */
interface Handover {
  readonly requests: SharedRing;
  readonly answers: SharedRing;
  readonly port: MessagePort;
}

async function serveInWorker(log: number): Promise<number> {
  const requests = createRing(ringBytes);
  const answers = createRing(ringBytes);
  const { port1, port2 } = new MessageChannel();
  const handover: Handover = { requests, answers, port: port2 };
  const worker = new Worker(import.meta.filename, { workerData: handover, transferList: [port2] });
  const out = new RingWriter(answers, port1);
  const core = new Core(log, () => out.flush());
  new RingReader(
    requests,
    port1,
    // The ring's bytes are written over: the log's command is a copy.
    (id, command) => core.submit(command.slice(), (revision) => out.push(id, answerOf(revision))),
    () => core.turn(),
  );
  const [port] = (await once(worker, "message")) as [number];
  return port;
}

/** The worker: connections, gRPC, requests to commands. */
async function runGateway({ answers, port, requests }: Handover): Promise<void> {
  const out = new RingWriter(requests, port);
  const calls = new Map<number, UnaryCall>();
  let lastId = 0;
  let queued = false;
  new RingReader(
    answers,
    port,
    (id, answer) => {
      calls.get(id)?.respond(answer);
      calls.delete(id);
    },
    () => {},
  );
  const clientPort = await listen((request, call) => {
    lastId = (lastId + 1) >>> 0;
    calls.set(lastId, call);
    out.push(lastId, commandOf(request));
    if (!queued) {
      queued = true;
      setImmediate(() => {
        queued = false;
        out.flush();
      });
    }
  });
  parentPort?.postMessage(clientPort);
}

async function serve(form: Form): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-bench-workers-"));
  const log = openSync(join(folder, "log"), "w");
  process.once("SIGTERM", () => {
    closeSync(log);
    rmSync(folder, { recursive: true });
    process.exit(0);
  });
  const port = await (form === "main" ? serveInMain(log) : serveInWorker(log));
  process.on("message", () => {
    const all = process.cpuUsage();
    const main = process.threadCpuUsage();
    process.send?.({ processUs: all.user + all.system, mainThreadUs: main.user + main.system });
  });
  process.send?.(port);
}

if (!isMainThread && (workerData as Partial<Handover> | null)?.requests !== undefined) {
  await runGateway(workerData as Handover);
} else if (import.meta.main && process.send !== undefined) {
  await serve(process.argv[2] === "worker" ? "worker" : "main");
}
