/**
 * A client of a whole cluster: it stays with one endpoint while that works, and goes on to the next when it does not. A call
 * is made again only where it certainly had no effect, or where twice is the same as once; what else fails says that its
 * outcome is not known. Waiting ends with the call's deadline, whatever the reason for the wait.
 */
import { setTimeout as delay } from "node:timers/promises";
import { assert } from "@quorate/base";
import {
  Auth,
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@quorate/etcd/messages";
import {
  type ClientKeepalive,
  type ClientStreamListener,
  type ClientTls,
  createGrpcClient,
  type GrpcClient,
  GrpcError,
  status,
} from "@quorate/grpc/client";
import { ClientFailure } from "./client-failure.ts";
import type { Endpoint } from "./endpoint.ts";
import { MessageStream } from "./message-stream.ts";

/** How to reach a cluster, and as whom. */
interface ClientConfig {
  readonly endpoints: readonly Endpoint[];
  readonly dialTimeoutMs: number;
  /** How long one unary call may take, with all attempts. */
  readonly commandTimeoutMs: number;
  readonly tls?: ClientTls;
  readonly keepalive?: ClientKeepalive;
  readonly credentials?: { readonly name: string; readonly password: string };
  /** A token that the client already has, instead of credentials. */
  readonly token?: string;
  readonly sendBytesMax: number;
  readonly receiveBytesMax: number;
}

/** A method with its messages, as the generated services have them. */
export type ClientMethod<Request extends DescMessage, Response extends DescMessage> = DescMethod & {
  readonly input: Request;
  readonly output: Response;
};

/** What a call may say for itself. */
interface CallChoice {
  /** Null: as long as it takes. */
  readonly timeoutMs?: number | null;
  /** This endpoint and no other. */
  readonly endpoint?: Endpoint;
}

/** Calls that do the same when made twice: reads, and writes that say themselves what shall be. */
const repeatable: ReadonlySet<string> = new Set([
  "Range",
  "LeaseTimeToLive",
  "LeaseLeases",
  "MemberList",
  "Status",
  "Hash",
  "HashKV",
  "Defragment",
  "AuthStatus",
  "Authenticate",
  "UserGet",
  "UserList",
  "RoleGet",
  "RoleList",
]);

const retryMsMin = 25;
const retryMsMax = 500;
/** A timer cannot be set for longer. */
const timeoutMsMax = 2 ** 31 - 1;
/** ETCD: a token that the server no longer takes, or that is missing since access control is on, is told by these texts. */
const staleToken = [
  "etcdserver: invalid auth token",
  "etcdserver: revision of auth store is old",
  "etcdserver: user name is empty",
];

/** A client; {@link ClusterClient.close} ends what runs. Every call rejects with {@link ClientFailure}. */
export class ClusterClient {
  readonly config: ClientConfig;
  readonly #connections: Map<string, GrpcClient> = new Map();
  readonly #unreachable: Map<string, string> = new Map();
  #at = 0;
  #token: string | null;

  constructor(config: ClientConfig) {
    assert(config.endpoints.length > 0, "client: no endpoint");
    this.config = config;
    this.#token = config.token ?? null;
  }

  /** The endpoint that calls go to at present. */
  get endpoint(): Endpoint {
    const endpoint = this.config.endpoints[this.#at % this.config.endpoints.length];
    assert(endpoint !== undefined, "client: no endpoint");
    return endpoint;
  }

  /** One request, one answer. */
  async call<Request extends DescMessage, Response extends DescMessage>(
    method: ClientMethod<Request, Response>,
    init: MessageInitShape<Request>,
    choice: CallChoice = {},
  ): Promise<MessageShape<Response>> {
    const message = toBinary(method.input, create(method.input, init));
    this.#checkSize(message);
    const timeoutMs =
      choice.timeoutMs === null ? timeoutMsMax : (choice.timeoutMs ?? this.config.commandTimeoutMs);
    const deadline = performance.now() + timeoutMs;
    const send = async (): Promise<Uint8Array> => this.#send(method, message, deadline, choice.endpoint);
    return fromBinary(method.output, await this.#persist(method.name, deadline, choice.endpoint, send));
  }

  /** Opens a stream at the present endpoint, logged in. It is not opened again when it breaks. */
  async stream<Request extends DescMessage, Response extends DescMessage>(
    method: ClientMethod<Request, Response>,
    choice: CallChoice = {},
  ): Promise<MessageStream<Request, Response>> {
    await this.#login(performance.now() + this.config.commandTimeoutMs);
    const connection = this.#connection(choice.endpoint ?? this.endpoint);
    const options = {
      metadata: this.#metadata(),
      ...(choice.timeoutMs == null ? {} : { timeoutMs: choice.timeoutMs }),
    };
    return new MessageStream(method.input, method.output, (listener: ClientStreamListener) =>
      connection.stream(pathOf(method), options, listener),
    );
  }

  /** Goes on to the next endpoint, after the present one failed with `error`; resolves when the next may be tried. */
  async failOver(error: GrpcError, attempt: number): Promise<void> {
    this.#giveUp(this.endpoint, error);
    await delay(Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempt, 10)));
  }

  /** Whether a stream that ended with `error` may be opened again elsewhere. */
  mayReopen(error: unknown): error is GrpcError {
    return error instanceof GrpcError && error.code === status.unavailable;
  }

  /** What a stream failed with, as every other failure. */
  failureOf(error: unknown): unknown {
    return error instanceof GrpcError ? new ClientFailure(error, false, this.#reasons()) : error;
  }

  /** A client of one of the endpoints alone, or of an address that a member published; close it, too. */
  only(endpoint: Endpoint): ClusterClient {
    return new ClusterClient({
      ...this.config,
      endpoints: [endpoint],
      ...(this.#token === null ? {} : { token: this.#token }),
    });
  }

  close(): void {
    for (const connection of this.#connections.values()) {
      connection.close();
    }
    this.#connections.clear();
  }

  /** Makes attempts until one succeeds, the call may not be made again, or its time is over. */
  async #persist(
    name: string,
    deadline: number,
    pinned: Endpoint | undefined,
    send: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    let renewed = false;
    for (let attempt = 0; ; attempt++) {
      const endpoint = pinned ?? this.endpoint;
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof GrpcError)) {
          throw error;
        }
        if (staleToken.includes(error.message) && this.config.credentials !== undefined && !renewed) {
          renewed = true;
          this.#token = null;
          continue;
        }
        const again = error.code === status.unavailable && (!error.maybeSent || repeatable.has(name));
        const pauseMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempt, 10));
        if (error.code === status.unavailable) {
          this.#giveUp(endpoint, error);
        }
        if (!again) {
          throw this.#failure(name, error);
        }
        if (performance.now() + pauseMs >= deadline) {
          const late = new GrpcError(status.deadlineExceeded, error.message, null, error.maybeSent);
          throw this.#failure(name, late);
        }
        await delay(pauseMs);
      }
    }
  }

  async #send(
    method: DescMethod,
    message: Uint8Array,
    deadline: number,
    pinned: Endpoint | undefined,
  ): Promise<Uint8Array> {
    if (method.name !== "Authenticate") {
      await this.#login(deadline);
    }
    const timeoutMs = Math.min(timeoutMsMax, Math.max(1, Math.ceil(deadline - performance.now())));
    return this.#connection(pinned ?? this.endpoint).request(pathOf(method), message, {
      metadata: this.#metadata(),
      timeoutMs,
    });
  }

  /** Gets a token, once. ETCD: a server without authentication says so, and then nobody needs one. */
  async #login(deadline: number): Promise<void> {
    const { credentials } = this.config;
    if (credentials === undefined || this.#token !== null) {
      return;
    }
    const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
    try {
      this.#token = (await this.call(Auth.method.authenticate, credentials, { timeoutMs })).token;
    } catch (error) {
      if (!(error instanceof ClientFailure && error.reason === "etcdserver: authentication is not enabled")) {
        throw error;
      }
      this.#token = "";
    }
  }

  #metadata(): Record<string, string> {
    return this.#token === null || this.#token === "" ? {} : { token: this.#token };
  }

  #checkSize(message: Uint8Array): void {
    const { sendBytesMax } = this.config;
    if (message.length > sendBytesMax) {
      const text = `trying to send message larger than max (${message.length} vs. ${sendBytesMax})`;
      throw new ClientFailure(new GrpcError(status.resourceExhausted, text, null, false), false, []);
    }
  }

  #connection(endpoint: Endpoint): GrpcClient {
    let connection = this.#connections.get(endpoint.url);
    if (connection === undefined) {
      const { dialTimeoutMs, keepalive, receiveBytesMax, tls } = this.config;
      connection = createGrpcClient(endpoint.url, {
        connectTimeoutMs: dialTimeoutMs,
        messageBytesMax: receiveBytesMax,
        ...(tls === undefined ? {} : { tls }),
        ...(keepalive === undefined ? {} : { keepalive }),
      });
      this.#connections.set(endpoint.url, connection);
    }
    return connection;
  }

  #giveUp(endpoint: Endpoint, error: GrpcError): void {
    this.#unreachable.set(endpoint.text, error.message);
    if (this.endpoint === endpoint) {
      this.#at++;
    }
  }

  #failure(name: string, error: GrpcError): ClientFailure {
    const unknown =
      error.maybeSent &&
      !repeatable.has(name) &&
      (error.code === status.unavailable || error.code === status.deadlineExceeded);
    return new ClientFailure(error, unknown, this.#reasons());
  }

  #reasons(): string[] {
    return Array.from(this.#unreachable, ([endpoint, why]) => `${endpoint}: ${why}`);
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
