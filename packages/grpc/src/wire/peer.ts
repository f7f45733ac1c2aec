/** Who is at the other end of a connection. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** What is known of a client from its connection alone. */
export interface Client {
  /** `host:port`, as logs have it. */
  readonly peer: string;
  readonly secure: boolean;
  /** Of the certificate that was verified; null where none was asked for. */
  readonly commonName: string | null;
}

/** `host:port` of the other end, IPv6 in brackets. */
export function peerOf(socket: Socket): string {
  const host = socket.remoteAddress ?? "unknown";
  const port = socket.remotePort ?? 0;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The client on `socket`, which has come through its handshake where there is one. */
export function clientOf(socket: Socket): Client {
  const secure = socket instanceof TLSSocket;
  return { peer: peerOf(socket), secure, commonName: secure ? verifiedCommonName(socket) : null };
}

function verifiedCommonName(socket: TLSSocket): string | null {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const names = certificate?.toLegacyObject().subject.CN;
  // Where there are several, there is no saying which one is meant.
  return typeof names === "string" ? names : null;
}
