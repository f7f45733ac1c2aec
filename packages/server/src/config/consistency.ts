/** Rules over several flags. ETCD: the same ones, so that a command line good for etcd is good here. */
import { compactionPolicy } from "./compaction-policy.ts";
import type { ConfigProblem } from "./config-error.ts";
import { flagTable } from "./flag-table.ts";
import { parseInitialCluster } from "./initial-cluster.ts";
import type { FlagValues, InitialMember, ServerConfig } from "./server-config.ts";
import { bindProblem, hostPort, type ServerUrl } from "./server-url.ts";
import type { Given } from "./sources.ts";
import { checkTls } from "./tls-rules.ts";

type GivenMap = ReadonlyMap<keyof FlagValues, Given>;

/** Adds what contradicts to `problems`; null when no cluster could be made out. */
export function checkConsistency(
  values: FlagValues,
  given: GivenMap,
  problems: ConfigProblem[],
): ServerConfig | null {
  const add = (setting: keyof FlagValues, problem: string): void => {
    problems.push({ where: `--${flagTable[setting].name}`, problem });
  };
  checkTimes(values, add);
  checkUrls(values, given, add);
  checkTls(values, add);
  if (compactionPolicy(values) === null) {
    add("autoCompactionRetention", `"${values.autoCompactionRetention}" is no number of revisions`);
  }
  const { configFile: _read, initialCluster: _text, ...rest } = values;
  const initialCluster = initialMembers(values, given, add);
  if (initialCluster === null) {
    return null;
  }
  return {
    ...rest,
    dataDir: values.dataDir === "" ? `${values.name}.etcd` : values.dataDir,
    initialCluster,
    explicit: new Set(given.keys()),
  };
}

type Add = (setting: keyof FlagValues, problem: string) => void;

function checkTimes(values: FlagValues, add: Add): void {
  const { electionTimeoutMs, heartbeatIntervalMs } = values;
  if (electionTimeoutMs < 5 * heartbeatIntervalMs) {
    add(
      "electionTimeoutMs",
      `${electionTimeoutMs} ms must be at least 5 times --heartbeat-interval (${heartbeatIntervalMs} ms)`,
    );
  }
}

function checkUrls(values: FlagValues, given: GivenMap, add: Add): void {
  for (const setting of listeners) {
    for (const url of values[setting]) {
      const problem = bindProblem(url);
      if (problem !== null) {
        add(setting, problem);
      }
    }
  }
  if (values.listenPeerUrls.length > 1) {
    add("listenPeerUrls", "only one URL can be served");
  }
  if (given.has("listenClientUrls") && !given.has("advertiseClientUrls")) {
    add("advertiseClientUrls", "is required when --listen-client-urls is set");
  }
  checkShared(values, add);
}

/** ETCD: the order in which the addresses are taken; a later one must not be an earlier one. */
const listeners = [
  "listenClientUrls",
  "listenClientHttpUrls",
  "listenMetricsUrls",
  "listenPeerUrls",
] as const;

function checkShared(values: FlagValues, add: Add): void {
  const taken = new Map<string, string>();
  for (const setting of listeners) {
    for (const url of values[setting]) {
      const other = taken.get(hostPort(url));
      if (other !== undefined) {
        add(setting, `${url.text} is also in ${other}`);
      } else if (url.port !== 0 || url.scheme === "unix") {
        taken.set(hostPort(url), `--${flagTable[setting].name}`);
      }
    }
  }
}

function initialMembers(values: FlagValues, given: GivenMap, add: Add): readonly InitialMember[] | null {
  if (!given.has("initialCluster") || values.initialCluster === "") {
    return [{ name: values.name, peerUrls: values.initialAdvertisePeerUrls }];
  }
  const parsed = parseInitialCluster(values.initialCluster);
  if ("problem" in parsed) {
    add("initialCluster", parsed.problem);
    return null;
  }
  const own = parsed.value.find((member) => member.name === values.name);
  if (own === undefined) {
    const names = parsed.value.map((member) => member.name).join(", ");
    add("initialCluster", `does not have this member: --name is "${values.name}", the members are ${names}`);
  } else if (!sameUrls(own.peerUrls, values.initialAdvertisePeerUrls)) {
    add(
      "initialAdvertisePeerUrls",
      `${textOf(values.initialAdvertisePeerUrls)} is not what --initial-cluster has for "${own.name}": ${textOf(own.peerUrls)}`,
    );
  }
  return parsed.value;
}

function sameUrls(left: readonly ServerUrl[], right: readonly ServerUrl[]): boolean {
  return textOf(left) === textOf(right);
}

function textOf(urls: readonly ServerUrl[]): string {
  return urls
    .map((url) => url.text)
    .toSorted()
    .join(",");
}
