/** Servers on loopback, and a client that speaks HTTP/2 without gRPC's manners. */
import * as http2 from "node:http2";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import {
  createGrpcServer,
  type GrpcServer,
  type ListenOptions,
  type Method,
  type ServerOptions,
} from "@quorate/grpc";

/** Who may speak HTTP/2 below a server. */
type Implementation = NonNullable<ServerOptions["http2"]>;

const implementationOf = new WeakMap<TestContext, Implementation>();

/** A test of what every implementation of HTTP/2 has to do: runs once on each. */
export function both(
  name: string,
  run: (context: TestContext, implementation: Implementation) => Promise<void> | void,
): void {
  for (const implementation of ["own", "node"] as const) {
    test(`${name} (${implementation})`, (context) => {
      implementationOf.set(context, implementation);
      return run(context, implementation);
    });
  }
}

export const echo: Method = { kind: "unary", handle: (request, call) => call.respond(request) };

interface Running {
  readonly server: GrpcServer;
  readonly url: string;
  readonly port: number;
}

/** A server that is gone when the test ends. */
export async function serve(
  context: TestContext,
  methods: Readonly<Record<string, Method>> = { "/test.Echo/Say": echo },
  { tls, ...options }: ServerOptions & ListenOptions = {},
): Promise<Running> {
  const server = createGrpcServer({ http2: implementationOf.get(context) ?? "own", ...options });
  for (const [path, method] of Object.entries(methods)) {
    server.register(path, method);
  }
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 }, tls === undefined ? {} : { tls });
  context.after(() => (closed.has(server) ? undefined : close(server, 0)));
  return { server, port, url: `http://127.0.0.1:${port}` };
}

const closed = new WeakSet<GrpcServer>();

/** Closes a server, once. */
export function close(server: GrpcServer, graceMs: number): Promise<void> {
  closed.add(server);
  return server.close({ graceMs });
}

interface RawAnswer {
  readonly httpStatus: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rstCode: number;
}

export const grpcHeaders = {
  ":method": "POST",
  ":path": "/test.Echo/Say",
  "content-type": "application/grpc",
  te: "trailers",
};

export function session(context: TestContext, url: string): http2.ClientHttp2Session {
  const made = http2.connect(url);
  made.on("error", () => {});
  context.after(() => made.destroy());
  return made;
}

/** Sends headers and a raw body, without regard to what they mean. */
export function raw(
  made: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Uint8Array | null,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const stream = made.request(headers, { endStream: body === null });
    let answer: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      answer = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () => {
      resolve({
        httpStatus: Number(answer[":status"] ?? 0),
        headers: answer,
        trailers,
        body: Buffer.concat(chunks),
        rstCode: stream.rstCode ?? -1,
      });
    });
    if (body !== null) {
      stream.end(body);
    }
  });
}

/** The status an answer carries, wherever it stands. */
export function statusOf(answer: RawAnswer): { readonly code: string; readonly message: string } {
  const from = answer.trailers["grpc-status"] === undefined ? answer.headers : answer.trailers;
  return { code: String(from["grpc-status"]), message: String(from["grpc-message"] ?? "") };
}

/** A gRPC message with any flag and any announced length. */
export function message(body: Uint8Array, flag = 0, announced: number = body.length): Uint8Array {
  const framed = Buffer.alloc(5 + body.length);
  framed[0] = flag;
  framed.writeUInt32BE(announced, 1);
  framed.set(body, 5);
  return framed;
}

/** Writes bytes on a new connection and gathers what comes until the other end closes. */
export function exchange(port: number, writes: readonly (string | Uint8Array)[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket: Socket = connect(port, "127.0.0.1", () => {
      const next = (index: number): void => {
        const part = writes[index];
        if (part !== undefined) {
          socket.write(part, () => setTimeout(() => next(index + 1), 5));
        }
      };
      socket.setNoDelay(true);
      next(0);
    });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    socket.on("error", reject);
  });
}

/** Resolves once `holds`, checked on each turn; fails the test that waits too long. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const giveUpMs = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > giveUpMs) {
      throw new Error(`waited 5 s for: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
