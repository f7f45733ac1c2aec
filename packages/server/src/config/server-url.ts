/** The URLs of flags: scheme, host and port, nothing else. Their text is kept as given, because member ids hash it. */
import { isIP } from "node:net";
import type { Parsed } from "./parsed.ts";

/** Where a member listens, or where others reach it. */
export interface ServerUrl {
  /** As given; part of the member id. */
  readonly text: string;
  readonly scheme: "http" | "https" | "unix";
  /** A name or an address, IPv6 without brackets; for `unix` the socket's file. */
  readonly host: string;
  /** 0 for `unix`. */
  readonly port: number;
}

/** Reads `http://host:port`. */
export function parseServerUrl(text: string): Parsed<ServerUrl> {
  if (!URL.canParse(text)) {
    return { problem: `"${text}" is not a URL such as http://127.0.0.1:2379` };
  }
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if (scheme === "unix" || scheme === "unixs") {
    return { problem: `"${text}": only clients are served at unix sockets, use http://host:port` };
  }
  if (scheme !== "http" && scheme !== "https") {
    return { problem: `"${text}": the scheme must be http or https` };
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "") {
    return { problem: `"${text}" must be scheme, host and port only` };
  }
  // URL drops a scheme's own port, so it is read from the text.
  const port = /:(\d+)\/?$/.exec(text)?.[1];
  if (port === undefined || url.hostname === "") {
    return { problem: `"${text}" does not have the form ${scheme}://host:port` };
  }
  return {
    value: {
      text: text.endsWith("/") ? text.slice(0, -1) : text,
      scheme,
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port),
    },
  };
}

/** Longest name of a socket's file: systems take no more. */
const socketPathBytesMax = 103;

/** Reads what {@link parseServerUrl} does, or `unix://file`. ETCD: what looks like a host belongs to the file's name. */
export function parseClientUrl(text: string): Parsed<ServerUrl> {
  const host = /^unix:(?:\/\/)?(.+)$/.exec(text)?.[1];
  if (text.startsWith("unixs:")) {
    return { problem: `"${text}": TLS is not spoken at unix sockets, use unix:// and the file's rights` };
  }
  if (host === undefined) {
    return parseServerUrl(text);
  }
  return Buffer.byteLength(host) > socketPathBytesMax || host.includes("\0")
    ? { problem: `"${text}": the name of a socket's file has at most ${socketPathBytesMax} bytes` }
    : { value: { text, scheme: "unix", host, port: 0 } };
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** `host:port`, IPv6 in brackets. */
export function hostPort(url: ServerUrl): string {
  return url.host.includes(":") ? `[${url.host}]:${url.port}` : `${url.host}:${url.port}`;
}

/** Why nobody can listen at `url`, or null. ETCD: a listener is named by address, or as localhost. */
export function bindProblem(url: ServerUrl): string | null {
  if (url.scheme !== "unix" && url.host !== "localhost" && isIP(url.host) === 0) {
    return `"${url.text}": a listener needs an IP address or localhost, not a host name`;
  }
  return null;
}
