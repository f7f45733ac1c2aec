/**
 * The load generator's process: keeps `--clients` puts of 256 bytes in flight over `--connections` connections for
 * `--seconds`, or until `--operations` are done, then prints one line of JSON. A process of its own, so that its CPU is not the
 * server's.
 */
import { parseArgs } from "node:util";
import { LightClient } from "./light-client.ts";

const { values: flags } = parseArgs({
  options: {
    endpoint: { type: "string", default: "127.0.0.1:2379" },
    clients: { type: "string", default: "1" },
    connections: { type: "string", default: "1" },
    seconds: { type: "string", default: "5" },
    "warmup-seconds": { type: "string", default: "1" },
    "value-bytes": { type: "string", default: "256" },
    keys: { type: "string", default: "10000" },
    operation: { type: "string", default: "put" },
    operations: { type: "string" },
  },
});

const operations: Readonly<Record<string, string>> = {
  put: "/etcdserverpb.KV/Put",
  range: "/etcdserverpb.KV/Range",
  "serializable-range": "/etcdserverpb.KV/Range",
};
const path = operations[flags.operation];
if (path === undefined) {
  throw new Error(`--operation is one of ${Object.keys(operations).join(", ")}`);
}

const [host = "127.0.0.1", port = "2379"] = flags.endpoint.split(":");
const clientCount = Number(flags.clients);
const connectionCount = Math.min(Number(flags.connections), clientCount);
const keyCount = Number(flags.keys);
const value = Buffer.alloc(Number(flags["value-bytes"]), "v");
const connections = await Promise.all(
  Array.from({ length: connectionCount }, () => LightClient.open(host, Number(port), path)),
);

/** Protobuf by hand: fields 1 and 2 are bytes in PutRequest; in RangeRequest 7 is `serializable`. */
function request(sequence: number): Buffer {
  const key = Buffer.from(`bench/key/${String((sequence * 7919) % keyCount).padStart(20, "0")}`);
  const keyField = Buffer.concat([Buffer.from([0x0a, key.length]), key]);
  if (flags.operation === "put") {
    const length = value.length < 128 ? [value.length] : [(value.length & 0x7f) | 0x80, value.length >> 7];
    return Buffer.concat([keyField, Buffer.from([0x12, ...length]), value]);
  }
  return flags.operation === "serializable-range"
    ? Buffer.concat([keyField, Buffer.from([0x38, 1])])
    : keyField;
}

const warmupUntilMs = performance.now() + Number(flags["warmup-seconds"]) * 1000;
const operationCountMax = Number(flags.operations ?? Number.POSITIVE_INFINITY);
const startedMs = performance.now();
const untilMs =
  flags.operations === undefined ? warmupUntilMs + Number(flags.seconds) * 1000 : Number.POSITIVE_INFINITY;
const latenciesMs: number[] = [];
let failed = 0;
let sequence = 0;

await Promise.all(
  Array.from({ length: clientCount }, (_, client) => {
    const connection = connections[client % connectionCount];
    return new Promise<void>((resolve) => {
      const next = (): void => {
        const startMs = performance.now();
        if (startMs >= untilMs || sequence >= operationCountMax) {
          resolve();
          return;
        }
        connection?.call(request(sequence++), (ok) => {
          if (startMs >= warmupUntilMs) {
            if (ok) {
              latenciesMs.push(performance.now() - startMs);
            } else {
              failed++;
            }
          }
          // A refused call answers at once: without a pause a dead server would be hammered in a loop.
          if (ok) {
            next();
          } else {
            setTimeout(next, 10);
          }
        });
      };
      next();
    });
  }),
);

const measuredSeconds =
  flags.operations === undefined ? Number(flags.seconds) : (performance.now() - startedMs) / 1000;
latenciesMs.sort((left, right) => left - right);
const percentile = (fraction: number): number =>
  latenciesMs[Math.floor(latenciesMs.length * fraction)] ?? Number.NaN;
const cpu = process.cpuUsage();
console.log(
  JSON.stringify({
    perSecond: latenciesMs.length / measuredSeconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    maxMs: latenciesMs.at(-1) ?? Number.NaN,
    failed,
    clientCpuUs: (cpu.user + cpu.system) / Math.max(1, sequence),
  }),
);
for (const connection of connections) {
  connection.close();
}
