/** Bounds of a server and their defaults. A server on an open port needs every one of them. */
import { assert } from "@quorate/base";
import type { ServerLimits } from "./types.ts";

/** What a server allows unless told otherwise. */
export const serverLimitsDefault: ServerLimits = {
  // ETCD: differs, its default is 2^32−1. Go's client opens another connection's worth only when told a limit, and waits.
  concurrentStreamsMax: 1024,
  // ETCD: differs, it has none of these three bounds; without them a flood takes memory and descriptors until nobody is served.
  connectionsMax: 4096,
  connectionsPerHostMax: 256,
  handshakesMax: 64,
  headerListBytesMax: 16 * 1024,
  // ETCD: --max-request-bytes (1.5 MiB) and 512 KiB of slack for what the transport adds.
  messageBytesMax: 2 * 1024 * 1024,
  sessionMemoryMebibytesMax: 32,
  // ETCD: differs, it has no bound over all connections, and 25 of them take gigabytes.
  unreadBytesMax: 160 * 1024 * 1024,
  unfinishedBytesMax: 96 * 1024 * 1024,
  resetsPerSecondMax: 200,
  controlFramesPerSecondMax: 200,
  handshakeMs: 10_000,
  keepaliveIntervalMs: 2 * 60 * 60 * 1000,
  keepaliveTimeoutMs: 20_000,
};

/** The defaults with `given` laid over them. @throws InvariantViolation for a bound that is no positive integer. */
export function withDefaults(given: Partial<ServerLimits>): ServerLimits {
  const limits: ServerLimits = { ...serverLimitsDefault, ...given };
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value > 0, () => `grpc: limit ${name} is ${String(value)}`);
  }
  assert(limits.messageBytesMax < 2 ** 31, "grpc: a message of 2 GiB or more does not fit its prefix's use");
  assert(limits.keepaliveIntervalMs < 2 ** 31, "grpc: timers end at 2^31 ms");
  return limits;
}
