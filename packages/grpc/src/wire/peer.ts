/** How a client is called in logs. */
import type { Socket } from "node:net";

/** `host:port` of the other end, IPv6 in brackets. */
export function peerOf(socket: Socket): string {
  const host = socket.remoteAddress ?? "unknown";
  const port = socket.remotePort ?? 0;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
