/** What all connections of a server share, whatever implements them. */
import type { Deadlines } from "./deadlines.ts";
import type { SharedBytes } from "./shared-bytes.ts";
import type { HttpExchange, Method, ServerEvent, ServerLimits } from "./types.ts";

/** The server, as its HTTP/2 sessions see it. */
export interface SessionHost {
  readonly limits: ServerLimits;
  readonly deadlines: Deadlines;
  readonly methods: ReadonlyMap<string, Method>;
  /** The services of the methods, for telling a missing method from a missing service. */
  readonly services: ReadonlySet<string>;
  readonly onHttp: (exchange: HttpExchange) => void;
  readonly onEvent: ((event: ServerEvent) => void) | null;
  /** Answers that wait for their clients, on all connections. */
  readonly unread: SharedBytes;
  /** What came of requests that are not complete, on all connections. */
  readonly unfinished: SharedBytes;
  /** Calls running on all sessions. */
  callCount: number;
}
