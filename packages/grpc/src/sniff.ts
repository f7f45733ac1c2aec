/** Tells HTTP/2 with prior knowledge from HTTP/1.1 by the first bytes of a connection, without consuming them. */
import type { Socket } from "node:net";

/** HTTP/2's preface begins so; no HTTP/1.1 method does. RFC 9113 §3.4. */
const prefaceStart = [0x50, 0x52, 0x49] as const;

/** Null while there are too few bytes to tell. */
function protocolOf(head: Uint8Array): "http1" | "http2" | null {
  const length = Math.min(head.length, prefaceStart.length);
  for (let i = 0; i < length; i++) {
    if (head[i] !== prefaceStart[i]) {
      return "http1";
    }
  }
  return length === prefaceStart.length ? "http2" : null;
}

/**
 * Calls back once with the protocol, the bytes put back for its reader. A client that does not show it within `waitMs` is
 * disconnected: then there is no call.
 */
export function sniffProtocol(
  socket: Socket,
  waitMs: number,
  done: (protocol: "http1" | "http2") => void,
): void {
  const timer = setTimeout(() => socket.destroy(), waitMs);
  const cancel = (): void => clearTimeout(timer);
  socket.once("close", cancel);
  let head: Buffer = Buffer.alloc(0);
  const read = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      return;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const protocol = protocolOf(head);
    if (protocol !== null) {
      clearTimeout(timer);
      socket.removeListener("close", cancel);
      socket.removeListener("readable", read);
      // Only now: bytes put back announce themselves as readable again.
      socket.unshift(head);
      done(protocol);
    }
  };
  socket.on("readable", read);
}
