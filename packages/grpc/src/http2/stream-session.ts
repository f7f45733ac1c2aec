/** What those who serve a stream need of its connection. */
import type { Deadlines } from "../deadlines.ts";
import type { Client } from "../wire/peer.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";

/** A session, as calls and exchanges see it. */
export interface StreamSession {
  readonly sender: Sender;
  readonly deadlines: Deadlines;
  readonly messageBytesMax: number;
  readonly client: Client;
  /** Received bytes of a stream were used: the client may send as many again. */
  returnStreamCredit(stream: Http2Stream, bytes: number): void;
  /** Notes that calls keep so many bytes more of unfinished requests; false when it is too much for one connection. */
  accountBuffered(bytes: number): boolean;
  /** Resets the stream of a client that does not read what it asked for. */
  calm(stream: Http2Stream): void;
  callBegan(): void;
  callEnded(path: string, startMs: number, code: number): void;
  /** A handler or listener of the service threw. */
  handlerFailed(path: string, error: unknown): void;
}
