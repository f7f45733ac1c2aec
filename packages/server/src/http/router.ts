/** The plain HTTP side of the client port: a few read-only pages for operators, probes and Prometheus. */
import type { Metrics } from "../metrics/metrics.ts";
import { answerChecks, answerHealth } from "./health.ts";
import { type HttpAnswer, type HttpQuestion, jsonAnswer, textAnswer } from "./http-answer.ts";
import type { ServerProbe } from "./server-probe.ts";

/** What the pages are made of. */
interface RouterOptions {
  readonly probe: ServerProbe;
  readonly metrics: Metrics;
  /** The etcd version that the API follows. */
  readonly etcdVersion: string;
}

/** Answers one question, exactly once. */
export type Router = (question: HttpQuestion, completed: (answer: HttpAnswer) => void) => void;

type Page = (question: HttpQuestion, completed: (answer: HttpAnswer) => void) => void;

/** Makes the router. */
export function createRouter({ probe, metrics, etcdVersion }: RouterOptions): Router {
  const pages: Readonly<Record<string, Page>> = {
    "/health": (question, completed) =>
      answerHealth(probe, question, (answer) => {
        metrics.healthChecked(answer.status === 200);
        completed(answer);
      }),
    "/version": (_question, completed) =>
      completed(jsonAnswer(200, versionPage(etcdVersion, probe.status().clusterVersion))),
    "/metrics": (_question, completed) => metrics.render(completed),
    "/debug/vars": (_question, completed) => completed(jsonAnswer(200, debugVariables(probe))),
    "/status": (_question, completed) => completed(jsonAnswer(200, statusPage(probe))),
  };
  return (question, completed) => {
    const page = Object.hasOwn(pages, question.path) ? pages[question.path] : undefined;
    const isCheck = /^\/(livez|readyz)(\/|$)/.test(question.path);
    if (page === undefined && !isCheck) {
      completed(textAnswer(404, "404 page not found\n"));
    } else if (question.method !== "GET" && question.path !== "/metrics") {
      // ETCD: but metrics, which Prometheus's own handler serves to any method.
      const refusal = textAnswer(405, "Method Not Allowed\n");
      completed({ ...refusal, headers: { ...refusal.headers, allow: "GET" } });
    } else if (page !== undefined) {
      page(question, completed);
    } else if (!answerChecks(probe, question, completed)) {
      completed(textAnswer(404, "404 page not found\n"));
    }
  };
}

/** `/version`. */
export function versionPage(etcdVersion: string, clusterVersion: string): unknown {
  return { etcdserver: etcdVersion, etcdcluster: clusterVersion, storage: clusterVersion };
}

/** `/debug/vars`. ETCD: Go's expvar; of its figures those that there are here. */
function debugVariables(probe: ServerProbe): unknown {
  const { applied, committed, id, leader, members, role, term } = probe.status();
  const memory = process.memoryUsage();
  const progress = members.flatMap(({ id: other, match }) =>
    match === null ? [] : [[other.toString(16), { match }]],
  );
  return {
    cmdline: process.argv,
    memstats: { Sys: memory.rss, HeapSys: memory.heapTotal, HeapAlloc: memory.heapUsed },
    "raft.status": {
      id: id.toString(16),
      term,
      commit: committed,
      lead: leader.toString(16),
      raftState: `State${role.charAt(0).toUpperCase()}${role.slice(1)}`,
      applied,
      progress: Object.fromEntries(progress),
    },
  };
}

/** `/status`: everything an operator asks first. Ids are hexadecimal, as etcd's tools print them. */
function statusPage(probe: ServerProbe): unknown {
  const status = probe.status();
  const hex = (id: number): string => (id === 0 ? "" : id.toString(16));
  return {
    id: hex(status.id),
    clusterId: hex(status.clusterId),
    name: status.name,
    pid: process.pid,
    role: status.role,
    leader: hex(status.leader),
    term: status.term,
    committed: status.committed,
    applied: status.applied,
    log: { firstIndex: status.firstIndex, lastIndex: status.lastIndex },
    revision: status.revision,
    db: { bytes: status.dbBytes, bytesInUse: status.dbBytesInUse },
    peers: status.members
      .filter((member) => member.id !== status.id)
      .map((member) => ({
        id: hex(member.id),
        name: member.name,
        peerUrls: member.peerUrls,
        clientUrls: member.clientUrls,
        match: member.match,
      })),
  };
}
