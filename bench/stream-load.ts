/**
 * The load generator's process for streams, light enough that servers are the limit. `--load watch`: `--watchers` watchers of one key
 * on `--streams` streams; `--in-flight` puts of it are under way, and one ends when all watchers have its event. `--load
 * keep-alive-once`: `--clients` leases, each kept alive again and again as KeepAliveOnce of Go's client does it, on a stream
 * for each time; `--load keep-alive`: on one stream for all times. Prints one line of JSON.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { LightClient } from "./light-client.ts";
import {
  grantRequest,
  keepAliveRequest,
  leaseIdField,
  MessageCutter,
  putRequest,
  readKeepAlive,
  readWatchResponse,
  watchKey,
} from "./light-messages.ts";

const { values: flags } = parseArgs({
  options: {
    endpoint: { type: "string", default: "127.0.0.1:2379" },
    load: { type: "string", default: "watch" },
    connections: { type: "string", default: "10" },
    seconds: { type: "string", default: "4" },
    watchers: { type: "string", default: "10000" },
    streams: { type: "string", default: "100" },
    "in-flight": { type: "string", default: "10" },
    clients: { type: "string", default: "100" },
  },
});

const paths = {
  put: "/etcdserverpb.KV/Put",
  watch: "/etcdserverpb.Watch/Watch",
  grant: "/etcdserverpb.Lease/LeaseGrant",
  keepAlive: "/etcdserverpb.Lease/LeaseKeepAlive",
} as const;
const [host = "127.0.0.1", port = "2379"] = flags.endpoint.split(":");
const connections = await Promise.all(
  Array.from({ length: Number(flags.connections) }, () => LightClient.open(host, Number(port), paths.put)),
);

/** What ends at which time, and the CPU it took here, from now on. */
class Measure {
  readonly #startedMs = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #latenciesMs: number[] = [];
  readonly untilMs = this.#startedMs + Number(flags.seconds) * 1000;

  get isOver(): boolean {
    return performance.now() >= this.untilMs;
  }

  ended(startMs: number): void {
    this.#latenciesMs.push(performance.now() - startMs);
  }

  /** `each`: operations that one end stands for. */
  report(each: number, more: Readonly<Record<string, number>>): void {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const sorted = this.#latenciesMs.sort((left, right) => left - right);
    const operations = sorted.length * each;
    const { system, user } = process.cpuUsage(this.#cpu);
    const percentile = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    console.log(
      JSON.stringify({
        perSecond: operations / seconds,
        operations,
        p50Ms: percentile(0.5),
        p99Ms: percentile(0.99),
        clientCpuUs: (user + system) / Math.max(1, operations),
        ...more,
      }),
    );
  }
}

function connection(i: number): LightClient {
  const one = connections[i % connections.length];
  if (one === undefined) {
    throw new Error("no connection");
  }
  return one;
}

/** Streams are not to end by themselves. */
function lost(what: string): never {
  throw new Error(`the server ended ${what}`);
}

const key = Buffer.from("bench/watched/00000000000000000000");

async function watchLoad(): Promise<void> {
  const watchers = Number(flags.watchers);
  const streams = Number(flags.streams);
  const beganMs = performance.now();
  let left = watchers;
  let events = 0;
  let allMade = (): void => {};
  let gotEvents = (): void => {};
  const heard = (bytes: Buffer, start: number, end: number): void => {
    const news = readWatchResponse(bytes, start, end);
    events += news.events;
    if (news.created && --left === 0) {
      allMade();
    }
    if (news.events > 0) {
      gotEvents();
    }
  };
  await new Promise<void>((resolve) => {
    allMade = resolve;
    for (let i = 0; i < streams; i++) {
      const cutter = new MessageCutter(heard);
      const stream = connection(i).open(
        paths.watch,
        (bytes, start, end) => cutter.push(bytes, start, end),
        () => lost("a watch stream"),
      );
      for (let k = i; k < watchers; k += streams) {
        connection(i).send(stream, watchKey(key));
      }
    }
  });
  const createdPerSecond = watchers / ((performance.now() - beganMs) / 1000);
  await delay(200);
  const measure = new Measure();
  /** When each put that some watcher has not got yet was sent, in order. */
  const underWay: number[] = [];
  await new Promise<void>((resolve) => {
    let sent = 0;
    const put = (): void => {
      underWay.push(performance.now());
      connection(sent++).call(putRequest(key, Buffer.from("data")), (ok) => ok || lost("a put"));
    };
    gotEvents = () => {
      // Some watchers may be ahead of others: only all events of a put, and of those before it, are its end.
      while (underWay.length > 0 && events >= (sent - underWay.length + 1) * watchers) {
        measure.ended(underWay.shift() ?? Number.NaN);
        if (!measure.isOver) {
          put();
        } else if (underWay.length === 0) {
          resolve();
        }
      }
    };
    for (let i = 0; i < Number(flags["in-flight"]); i++) {
      put();
    }
  });
  measure.report(watchers, { createdPerSecond });
}

/** A lease; gives the request that keeps it alive. */
function grant(on: LightClient): Promise<Buffer> {
  return new Promise((resolve) => {
    const cutter = new MessageCutter((bytes, start, end) => {
      resolve(keepAliveRequest(leaseIdField(bytes, start, end)));
    });
    const stream = on.open(
      paths.grant,
      (bytes, start, end) => cutter.push(bytes, start, end),
      (ok) => ok || lost("a grant"),
    );
    on.send(stream, grantRequest, true);
  });
}

async function keepAliveLoad(onStreamEach: boolean): Promise<void> {
  const requests = await Promise.all(
    Array.from({ length: Number(flags.clients) }, (_, i) => grant(connection(i))),
  );
  const measure = new Measure();
  await Promise.all(requests.map((request, i) => keepAlive(connection(i), request, measure, onStreamEach)));
  measure.report(1, {});
}

/** Keeps one lease alive again and again. */
function keepAlive(on: LightClient, request: Buffer, measure: Measure, onStreamEach: boolean): Promise<void> {
  return new Promise((resolve) => {
    let startMs = 0;
    let stream = 0;
    const open = (): void => {
      const cutter = new MessageCutter(answered);
      stream = on.open(
        paths.keepAlive,
        (bytes, start, end) => cutter.push(bytes, start, end),
        () => lost("a keep-alive"),
      );
    };
    const ask = (): void => {
      startMs = performance.now();
      if (onStreamEach) {
        open();
      }
      on.send(stream, request);
    };
    const answered = (bytes: Buffer, start: number, end: number): void => {
      if (readKeepAlive(bytes, start, end) === 0) {
        lost("a lease");
      }
      measure.ended(startMs);
      if (onStreamEach || measure.isOver) {
        on.cancel(stream);
      }
      if (measure.isOver) {
        resolve();
      } else {
        ask();
      }
    };
    if (!onStreamEach) {
      open();
    }
    ask();
  });
}

switch (flags.load) {
  case "watch":
    await watchLoad();
    break;
  case "keep-alive-once":
    await keepAliveLoad(true);
    break;
  case "keep-alive":
    await keepAliveLoad(false);
    break;
  default:
    throw new Error(`--load ${flags.load}: watch, keep-alive-once or keep-alive`);
}
for (const one of connections) {
  one.close();
}
process.exit();
