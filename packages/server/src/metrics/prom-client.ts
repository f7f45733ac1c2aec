/**
 * The parts of prom-client that are used, and nothing beside them.
 *
 * PERF: its front door loads OpenTelemetry, push gateways with `https`, and summaries: 100 modules and 8 MB that no member needs
 * (`npm run bench -- restart` shows idle memory). Its version is pinned, so its inner paths hold; process-metrics.test.ts has each of them.
 */
import { createRequire } from "node:module";
import type * as prom from "prom-client";

const load = createRequire(import.meta.url);

/** A value that only grows. */
export type Counter = prom.Counter;
/** What counters are made by. */
export const Counter: typeof prom.Counter = load("prom-client/lib/counter.js") as typeof prom.Counter;
/** A value that goes up and down. */
export type Gauge = prom.Gauge;
/** What gauges are made by. */
export const Gauge: typeof prom.Gauge = load("prom-client/lib/gauge.js") as typeof prom.Gauge;
/** What histograms are made by. */
export const Histogram: typeof prom.Histogram = load("prom-client/lib/histogram.js") as typeof prom.Histogram;
/** A page of metrics. */
export type Registry = prom.Registry;
/** What pages are made by. */
export const Registry: typeof prom.Registry = load("prom-client/lib/registry.js") as typeof prom.Registry;

/** Its metrics of the process and of Node.js, but for that of CPU time, which is what loads OpenTelemetry. */
const processParts = [
  "processStartTime",
  "osMemoryHeap",
  "processOpenFileDescriptors",
  "processMaxFileDescriptors",
  "eventLoopLag",
  "processResources",
  "processHandles",
  "processRequests",
  "heapSizeAndUsed",
  "heapSpacesSizeAndUsed",
  "version",
  "gc",
] as const;

/** How often the event loop's lag is sampled. */
const lagSampleMs = 10;

/** Adds what prom-client tells of the process and of Node.js. */
export function collectProcessMetrics(registry: Registry): void {
  collectCpuTime(registry);
  for (const part of processParts) {
    const collect = load(`prom-client/lib/metrics/${part}.js`) as (
      registry: Registry,
      options: { readonly eventLoopMonitoringPrecision: number },
    ) => void;
    collect(registry, { eventLoopMonitoringPrecision: lagSampleMs });
  }
}

/** CPU time of all threads since the start of the process. */
function collectCpuTime(registry: Registry): void {
  const add = (name: string, help: string, seconds: (usage: NodeJS.CpuUsage) => number): void => {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        counter.reset();
        counter.inc(seconds(process.cpuUsage()) / 1e6);
      },
    });
  };
  add("process_cpu_user_seconds_total", "Total user CPU time spent in seconds.", ({ user }) => user);
  add("process_cpu_system_seconds_total", "Total system CPU time spent in seconds.", ({ system }) => system);
  add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", ({ system, user }) => {
    return user + system;
  });
}
