/** Decides who serves a new stream: a method, the handler of plain requests, or a refusal. */

import { judgeRequest, unknownPathText } from "../request-rules.ts";
import type { SessionHost } from "../session-host.ts";
import { status } from "../status.ts";
import { failureFields } from "./answer-fields.ts";
import { GrpcCall } from "./call.ts";
import { StreamExchange } from "./exchange.ts";
import { answerFields } from "./header-writer.ts";
import type { RequestHead } from "./request-head.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamSession } from "./stream-session.ts";

/** Serves the request that opened `stream`. */
export function serveRequest(
  session: StreamSession,
  stream: Http2Stream,
  head: RequestHead,
  host: SessionHost,
): void {
  head.verdict ??= judgeRequest(head.method, head.contentType, head.timeout);
  const verdict = head.verdict;
  switch (verdict.kind) {
    case "call":
      serveCall(session, stream, head, host, verdict.timeoutMs);
      return;
    case "http": {
      const exchange = new StreamExchange(stream, head, session);
      stream.user = exchange;
      host.onHttp(exchange);
      return;
    }
    case "refused":
      session.sender.sendHeaders(
        stream,
        [
          [":status", String(verdict.httpStatus)],
          ["content-type", "application/grpc"],
          ...failureFields(verdict.code, verdict.message),
        ],
        true,
      );
  }
}

function serveCall(
  session: StreamSession,
  stream: Http2Stream,
  head: RequestHead,
  host: SessionHost,
  timeoutMs: number | null,
): void {
  // The path is matched byte for byte: anything else opens a way around checks that look at it.
  const method = host.methods.get(head.path);
  const startMs = host.onEvent === null ? 0 : performance.now();
  session.callBegan();
  if (method === undefined) {
    const text = unknownPathText(head.path, host.services);
    const fields = failureFields(status.unimplemented, text);
    session.sender.sendHeaders(stream, [...answerFields, ...fields], true);
    session.callEnded(head.path, startMs, status.unimplemented);
    return;
  }
  const call = new GrpcCall(stream, head, session, method, timeoutMs, startMs);
  stream.user = call;
  call.begin();
}
