/**
 * Ports for servers under test. They lie below the range from which systems draw the ports of outgoing connections: a port from that
 * range that a member gave up when it was killed may belong to somebody's connection by the time it starts again.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { assert } from "@quorate/base";

const portMin = 10_240;
const portCount = 9_000;

/** Test processes run side by side: each begins at a place of its own and never goes back. */
let place: number = (process.pid * 331) % portCount;

/**
 * Ports on loopback that were free a moment ago, each followed by `span - 1` others that were free as well.
 *
 * @throws Error when there are not enough.
 *
 * @example
 * ```ts
 * import { freePorts } from "@quorate/raft-node/testing";
 * const [clientPort, peerPort] = await freePorts(2);
 * clientPort !== peerPort; // true
 * ```
 */
export async function freePorts(count: number, span = 1): Promise<number[]> {
  assert(count > 0 && span > 0, "ports: none asked for");
  const held: Server[] = [];
  const found: number[] = [];
  try {
    for (let tried = 0; found.length < count; tried += span) {
      if (tried > portCount) {
        throw new Error(`no ${count} free ports between ${portMin} and ${portMin + portCount}`);
      }
      const port = portMin + (place % portCount);
      place += span;
      const servers = await Promise.all(Array.from({ length: span }, (_, i) => hold(port + i)));
      held.push(...servers.filter((server) => server !== null));
      if (servers.every((server) => server !== null)) {
        found.push(port);
      }
    }
  } finally {
    await Promise.all(held.map((server) => once(server.close(), "close")));
  }
  return found;
}

/** Takes a port; null when somebody has it. */
async function hold(port: number): Promise<Server | null> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return server;
  } catch {
    return null; // In use, or not to be had: another will do.
  }
}
