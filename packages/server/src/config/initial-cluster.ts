/** The text of --initial-cluster: who forms the cluster at first. */

import type { Parsed } from "./parsed.ts";
import type { InitialMember } from "./server-config.ts";
import { parseServerUrl, type ServerUrl } from "./server-url.ts";

/** Reads `name=url,name=url,…`; a name with several URLs is repeated. Order is that of the first mention. */
export function parseInitialCluster(text: string): Parsed<readonly InitialMember[]> {
  const members = new Map<string, ServerUrl[]>();
  const seen = new Set<string>();
  for (const part of text.split(",").map((one) => one.trim())) {
    const at = part.indexOf("=");
    if (at <= 0) {
      return { problem: `"${part}" does not have the form name=peer-url` };
    }
    const parsed = parseServerUrl(part.slice(at + 1));
    if ("problem" in parsed) {
      return parsed;
    }
    if (seen.has(parsed.value.text)) {
      return { problem: `has the URL ${parsed.value.text} twice` };
    }
    seen.add(parsed.value.text);
    const name = part.slice(0, at);
    members.set(name, [...(members.get(name) ?? []), parsed.value]);
  }
  return { value: Array.from(members, ([name, peerUrls]) => ({ name, peerUrls })) };
}
