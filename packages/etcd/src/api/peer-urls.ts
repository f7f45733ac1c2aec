/** Peer URLs as clients name them. ETCD: the same ones are refused as by its own parser. */
import { utf8Encode } from "@quorate/base";

/** Bytes that all URLs of one member may have together: what the log keeps for a member. */
const urlsBytesMax = 255;

const schemes: ReadonlySet<string> = new Set(["http", "https", "unix", "unixs"]);

/** The URLs in order, without blanks around them; null when there is none, or one is no peer URL. */
export function parsePeerUrls(texts: readonly string[]): readonly string[] | null {
  const urls = texts.map((text) => text.trim()).sort();
  const fit = utf8Encode(urls.join(",")).length <= urlsBytesMax;
  return urls.length > 0 && fit && urls.every(isPeerUrl) ? urls : null;
}

/** ETCD: a scheme, a host with a port, no path. */
function isPeerUrl(text: string): boolean {
  const match = /^([a-z]+):\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^/?#@:[\],\s]*)):(\d{1,5})$/.exec(text);
  return match !== null && schemes.has(match[1] ?? "") && Number(match[4]) <= 65_535;
}
