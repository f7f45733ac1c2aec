/** Who is at the other end of a connection. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** What is known of a client from its connection alone. */
export interface Client {
  /** `host:port`, as logs have it. */
  readonly peer: string;
  readonly secure: boolean;
  /** Of the certificate that was verified; null where it names nobody. */
  readonly commonName: string | null;
}

/** `host:port` of the other end, IPv6 in brackets. */
export function peerOf(socket: Socket): string {
  const host = socket.remoteAddress ?? "unknown";
  const port = socket.remotePort ?? 0;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The common name of the verified certificate at the other end; null without one, and where there are several. */
export function verifiedCommonName(socket: TLSSocket): string | null {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const names = certificate?.toLegacyObject().subject.CN;
  return typeof names === "string" ? names : null;
}
