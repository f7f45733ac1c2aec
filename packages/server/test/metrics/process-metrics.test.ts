/** The metrics of the process, which come from inner parts of prom-client: each is there, and counters do not go back. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { HttpAnswer } from "../../src/http/http-answer.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";

function page(metrics: ReturnType<typeof createMetrics>): Promise<string> {
  return new Promise((resolve) => metrics.render(({ body }: HttpAnswer) => resolve(String(body))));
}

/** The one value of a metric without labels. */
function numberIn(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

const names: readonly string[] = [
  "process_cpu_user_seconds_total",
  "process_cpu_system_seconds_total",
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "process_resident_memory_bytes",
  "nodejs_eventloop_lag_max_seconds",
  "nodejs_active_resources_total",
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_heap_size_used_bytes",
];

test("what is known of the process and of Node.js is on the page", async () => {
  const text = await page(createMetrics("3.7.0"));
  for (const name of names) {
    assert.ok(Number.isFinite(numberIn(text, name)), `${name} has no value`);
  }
  for (const family of [
    "nodejs_heap_space_size_used_bytes",
    "nodejs_version_info",
    "nodejs_gc_duration_seconds",
  ]) {
    assert.match(text, new RegExp(`^# TYPE ${family} `, "m"));
  }
});

test("CPU time is that of the whole process, at each scrape", async () => {
  const metrics = createMetrics("3.7.0");
  const before = numberIn(await page(metrics), "process_cpu_seconds_total");
  const untilMs = performance.now() + 30;
  while (performance.now() < untilMs) {
    // Takes CPU.
  }
  const after = numberIn(await page(metrics), "process_cpu_seconds_total");
  const { system, user } = process.cpuUsage();
  assert.ok(after > before, `${after} after ${before}`);
  assert.ok(after <= (system + user) / 1e6, "more than the process took");
});

test("the metrics load neither OpenTelemetry nor what speaks TLS", () => {
  const module = fileURLToPath(new URL("../../src/metrics/metrics.ts", import.meta.url));
  const script = `
    import ${JSON.stringify(module)};
    import { createRequire } from "node:module";
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify([loaded, process.moduleLoadList]));
  `;
  const printed = execFileSync(
    process.execPath,
    ["--conditions=source", "--input-type=module", "--eval", script],
    { encoding: "utf8" },
  );
  const [files, builtins] = JSON.parse(printed) as [string[], string[]];
  assert.ok(files.some((file) => file.includes("/prom-client/")));
  assert.deepEqual(
    files.filter((file) => file.includes("opentelemetry")),
    [],
  );
  assert.deepEqual(
    builtins.filter((name) => /NativeModule (https|tls|http2)$/.test(name)),
    [],
  );
});
