/** Asks over HTTP/1.1, and brings what is asked of different servers into one form. */
import { type IncomingHttpHeaders, request } from "node:http";
import type { GatewayRequest } from "./requests.ts";

/** What is compared of an answer. */
export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Headers that clients could rest on. */
const comparedHeaders = [
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "allow",
  "content-type",
  "grpc-metadata-content-type",
  "location",
  "www-authenticate",
  "x-content-type-options",
];

/** Sends one request; a stream is read until its lines have come. */
export function ask(port: number, asked: GatewayRequest): Promise<GatewayAnswer> {
  return new Promise((resolve, reject) => {
    const headers =
      asked.body === undefined
        ? asked.headers
        : { "content-length": Buffer.byteLength(asked.body), ...asked.headers };
    const question = request(
      {
        host: "127.0.0.1",
        port,
        path: asked.path,
        method: asked.method ?? "POST",
        agent: false,
        timeout: 20_000,
        ...(headers === undefined ? {} : { headers }),
      },
      (answer) => {
        let body = "";
        const finish = (): void =>
          resolve({ status: answer.statusCode ?? 0, headers: headersOf(answer.headers), body: normal(body) });
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
          if (asked.lines !== undefined && body.split("\n").length > asked.lines) {
            finish();
            question.destroy();
          }
        });
        answer.on("end", finish);
        answer.on("error", () => {});
      },
    );
    question.on("timeout", () => question.destroy(new Error(`no answer to ${asked.path}`)));
    question.on("error", reject);
    question.end(asked.body);
  });
}

function headersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const compared: Record<string, string> = {};
  for (const name of comparedHeaders) {
    const value = headers[name];
    if (value !== undefined) {
      compared[name] = String(value);
    }
  }
  return compared;
}

/** Puts signs where servers differ by nature: ids, terms, sizes, versions. */
function normal(body: string): string {
  return (
    body
      .replaceAll(
        /"(cluster_id|member_id|raft_term|leader|raftIndex|raftTerm|raftAppliedIndex|dbSize|dbSizeInUse|dbSizeQuota|hash)":"?\d+"?/g,
        '"$1":"#"',
      )
      .replaceAll(/"(version|storageVersion|etcdserver|etcdcluster|storage)":"3\.7\.\d+"/g, '"$1":"3.7.#"')
      .replaceAll(/"ID":"\d{10,}"/g, '"ID":"#"')
      .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "http://127.0.0.1:#")
      .replaceAll(/"name":"(r|m1)"/g, '"name":"#"')
      // What is left of a lease, of which a moment has passed.
      .replaceAll(/"TTL":"(299|300)","grantedTTL"/g, '"TTL":"#","grantedTTL"')
      // Go walks through its checks in any order.
      .replace(/^(\[.*\n)+/, (checks) => checks.split("\n").toSorted().join("\n"))
  );
}
