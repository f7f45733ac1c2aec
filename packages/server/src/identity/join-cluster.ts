/**
 * Joining a cluster that runs. ETCD: the members are asked over HTTP on their peer URLs who belongs to the cluster; the one
 * whose peer URLs are this member's own gives it its id.
 */
import { existsSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import type { InitialMember, ServerConfig } from "../config/server-config.ts";
import { DataDirectoryError, type MemberIdentity, memberFile } from "./data-directory.ts";

/** A cluster as one of its members tells of it. */
export interface RunningCluster {
  readonly clusterId: number;
  readonly members: MemberIdentity["members"];
}

/** The header that names the cluster. ETCD: the same. */
export const clusterIdHeader = "x-etcd-cluster-id";

const askTimeoutMs = 5000;
// How long, and how often, members are asked that do not answer, or do not know of this one.
const patienceMsDefault = 5000;
const pauseMs = 200;
// A list of thousands of members fits.
const answerBytesMax = 4 * 1024 * 1024;

/** Whether this start has to ask a cluster who this member is. */
export function asksToJoin(config: Pick<ServerConfig, "dataDir" | "initialClusterState">): boolean {
  return config.initialClusterState === "existing" && !existsSync(join(config.dataDir, memberFile));
}

/**
 * Asks the other members until one tells of a cluster that fits --initial-cluster; null when nobody answers. A member that was added a
 * moment ago may be unknown to those that lag behind, and all may be electing: they are asked again for some seconds. (etcd asks once.)
 *
 * @throws {@link DataDirectoryError} when the last that answered told of another cluster.
 */
export async function askCluster(
  config: ServerConfig,
  tls: ConnectionOptions | null = null,
  patienceMs: number = patienceMsDefault,
): Promise<RunningCluster | null> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      const answer = await askOnce(config, tls);
      if (answer !== null || performance.now() >= untilMs) {
        return answer;
      }
    } catch (error) {
      if (performance.now() >= untilMs) {
        throw error;
      }
    }
    await delay(pauseMs);
  }
}

async function askOnce(config: ServerConfig, tls: ConnectionOptions | null): Promise<RunningCluster | null> {
  let mismatch: unknown = null;
  for (const member of config.initialCluster.filter(({ name }) => name !== config.name)) {
    for (const { text } of member.peerUrls) {
      const answer = await askMember(text, tls);
      if (answer === null) {
        continue;
      }
      try {
        joinedIdentity(config, answer);
        return answer;
      } catch (error) {
        // A member that lags behind may not know of this one yet.
        mismatch = error;
      }
    }
  }
  if (mismatch !== null) {
    throw mismatch;
  }
  return null;
}

/** Who this member is in a cluster that runs. @throws {@link DataDirectoryError} when it is none of its members. */
export function joinedIdentity(
  config: Pick<ServerConfig, "name" | "initialCluster" | "initialClusterToken">,
  running: RunningCluster,
): MemberIdentity {
  const members = running.members.map((member) => {
    const local = config.initialCluster.find((one) => sameUrls(one, member.peerUrls));
    if (local === undefined) {
      throw new DataDirectoryError(
        `the cluster has a member at ${member.peerUrls.join(",")} that --initial-cluster does not name: name all members as "member list" shows them`,
      );
    }
    return { id: member.id, name: local.name, peerUrls: member.peerUrls };
  });
  const missing = config.initialCluster.find(({ name }) => members.every((member) => member.name !== name));
  if (missing !== undefined) {
    const urls = missing.peerUrls.map(({ text }) => text).join(",");
    throw new DataDirectoryError(
      `the cluster has no member at ${urls} ("${missing.name}" in --initial-cluster): add it first, with "member add ${missing.name} --peer-urls=${urls}"`,
    );
  }
  const self = members.find(({ name }) => name === config.name);
  if (self === undefined) {
    throw new DataDirectoryError(`--initial-cluster does not have the member "${config.name}"`);
  }
  return {
    memberId: self.id,
    clusterId: running.clusterId,
    clusterToken: config.initialClusterToken,
    members: members.toSorted((left, right) => left.id - right.id),
  };
}

function sameUrls(member: InitialMember, peerUrls: readonly string[]): boolean {
  const own = member.peerUrls.map(({ text }) => text).toSorted();
  return own.join(",") === peerUrls.toSorted().join(",");
}

/** What the member at `url` tells; null when it does not answer, or not as a member does. */
function askMember(url: string, tls: ConnectionOptions | null): Promise<RunningCluster | null> {
  const options = { agent: false, timeout: askTimeoutMs, signal: AbortSignal.timeout(askTimeoutMs) } as const;
  return new Promise((resolve) => {
    const read = (answer: IncomingMessage): void => {
      const clusterId = Number.parseInt(String(answer.headers[clusterIdHeader] ?? ""), 16);
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) {
          answer.destroy();
        }
      });
      answer.on("end", () => resolve(answer.statusCode === 200 ? parseMembers(clusterId, text) : null));
      answer.on("close", () => resolve(null));
    };
    const question = url.startsWith("https:")
      ? process.getBuiltinModule("node:https").get(`${url}/members`, { ...options, ...tls }, read)
      : process.getBuiltinModule("node:http").get(`${url}/members`, options, read);
    // Down, or not a member: the next one is asked, and the operator is told when none is left.
    question.on("error", () => resolve(null));
  });
}

/** The members of an answer; null when it is not one. */
export function parseMembers(clusterId: number, text: string): RunningCluster | null {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return null; // Not JSON is not an answer.
  }
  if (!Number.isSafeInteger(clusterId) || clusterId < 1 || !Array.isArray(list)) {
    return null;
  }
  const members = list.map(memberOf);
  const found = members.filter((member) => member !== null);
  return found.length === members.length ? { clusterId, members: found } : null;
}

function memberOf(value: unknown): MemberIdentity["members"][number] | null {
  if (typeof value !== "object" || value === null) {
    return null;
  }
  const { id, name, peerURLs } = value as { readonly [key: string]: unknown };
  const urls: readonly unknown[] = Array.isArray(peerURLs) ? peerURLs : [];
  const peerUrls = urls.filter((url) => typeof url === "string");
  const known = typeof id === "number" && Number.isSafeInteger(id) && id > 0 && peerUrls.length > 0;
  return known ? { id, name: typeof name === "string" ? name : "", peerUrls } : null;
}
