/** Waiting for conditions, never for time; and ports that nobody has. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks `probe` until it gives something other than undefined.
 *
 * @throws Error that names `what` when that takes longer than `withinMs`.
 *
 * @example
 * ```ts
 * import { eventually } from "quorate/testing";
 * let asked = 0;
 * await eventually("the third answer", 1000, () => (++asked === 3 ? asked : undefined));
 * ```
 */
export async function eventually<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) {
      return found;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${what}`);
    }
    await delay(10);
  }
}

/** Different ports on loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("a TCP server has a port");
    }
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
