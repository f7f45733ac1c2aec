/** A request and an answer of the plain HTTP side, apart from whichever server carries them. */

/** What an endpoint needs of a request. */
export interface HttpQuestion {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A whole answer; bodies are short. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Extra header fields. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Text for people and probes. */
export function textAnswer(status: number, body: string): HttpAnswer {
  return {
    status,
    contentType: "text/plain; charset=utf-8",
    body,
    headers: { "x-content-type-options": "nosniff" },
  };
}

/** An object as JSON. */
export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}
