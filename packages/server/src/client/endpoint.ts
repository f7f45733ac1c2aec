/** Where a cluster is reached: endpoints as etcd's tools write them. */
import { CommandError, exitCode } from "../cli/exit-code.ts";

/** One address, as it was given and as it is dialled. */
export interface Endpoint {
  readonly text: string;
  /** `http://host:port`, `https://host:port` or `unix://file`. */
  readonly url: string;
}

/**
 * Reads one endpoint: `host:port`, or a URL, `unix://file` among them. What names no scheme is spoken to with TLS where `secure` says so.
 *
 * @throws {@link CommandError} when it is neither.
 */
export function parseEndpoint(text: string, secure: boolean): Endpoint {
  const file = /^unix:(?:\/\/)?(.+)$/.exec(text)?.[1];
  if (file !== undefined) {
    return { text, url: `unix://${file}` };
  }
  const withScheme = text.includes("://") ? text : `${secure ? "https" : "http"}://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new CommandError(
      `endpoint "${text}": needs host:port, http://host:port, https://host:port or unix://file`,
      exitCode.usage,
    );
  }
  return { text, url: `${url.protocol}//${url.host}` };
}
