/**
 * ETCD: what a member tells over HTTP on its peer port, to those who want to join: who belongs to the cluster, and which version
 * this is. It changes nothing, and needs no handshake.
 */
import type { Socket } from "node:net";
import type { MembershipPort } from "@quorate/etcd";
import { versionPage } from "../http/router.ts";
import { clusterIdHeader } from "../identity/join-cluster.ts";
import { idText } from "../identity/member-id.ts";

const headersTimeoutMs = 5000;

/** What the pages are made of; null until the member runs. */
export interface PeerPages {
  membership: MembershipPort | null;
  readonly etcdVersion: string;
  readonly clusterVersion: () => string;
}

/** Serves the pages on connections that are handed to the function. */
export function servePeerPages(pages: PeerPages): (socket: Socket) => void {
  // PERF: not by an import, which would load all that `node:http` re-exports.
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, keepAliveTimeout: 1 },
    (request, response) => {
      const { membership } = pages;
      const body = membership === null ? null : pageOf(request.url ?? "", membership, pages);
      if (membership !== null) {
        response.setHeader(clusterIdHeader, idText(membership.clusterId));
      }
      response.setHeader("connection", "close");
      if (body === null) {
        response.writeHead(membership === null ? 503 : 404).end();
      } else {
        response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
      }
    },
  );
  return (socket) => void server.emit("connection", socket);
}

function pageOf(path: string, membership: MembershipPort, pages: PeerPages): unknown {
  switch (path) {
    case "/members":
      return membership.members().map(({ clientUrls, id, isLearner, name, peerUrls }) => ({
        id,
        peerURLs: peerUrls,
        ...(isLearner ? { isLearner } : {}),
        ...(name === "" ? {} : { name }),
        ...(clientUrls.length === 0 ? {} : { clientURLs: clientUrls }),
      }));
    case "/version":
      return versionPage(pages.etcdVersion, pages.clusterVersion());
    default:
      return null;
  }
}
