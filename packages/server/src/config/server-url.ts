/** The URLs of flags: scheme, host and port, nothing else. Their text is kept as given, because member ids hash it. */
import { isIP } from "node:net";
import type { Parsed } from "./parsed.ts";

/** Where a member listens, or where others reach it. */
export interface ServerUrl {
  /** As given; part of the member id. */
  readonly text: string;
  readonly scheme: "http" | "https";
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
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
    return { problem: `"${text}": unix sockets are not served, use http://host:port` };
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
  if (url.host !== "localhost" && isIP(url.host) === 0) {
    return `"${url.text}": a listener needs an IP address or localhost, not a host name`;
  }
  return null;
}
