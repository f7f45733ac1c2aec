/** What all connections of a server share, whatever implements them. */
import type { Deadlines } from "./deadlines.ts";
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
  /** Calls running on all sessions. */
  callCount: number;
}
