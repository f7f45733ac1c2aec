/** A client for tests in which members die: one call to one member, and what to do when that member does not answer. */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@quorate/etcd/messages";
import { createGrpcClient, type GrpcClient } from "@quorate/grpc";

type Method<Request extends DescMessage, Response extends DescMessage> = DescMethod & {
  readonly input: Request;
  readonly output: Response;
};

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Connections to all members; each caller goes on to the next one when a call fails. */
export class Members {
  readonly #clients: readonly GrpcClient[];
  #turn: number;

  constructor(urls: readonly string[], turn: number) {
    this.#clients = urls.map((url) => createGrpcClient(url));
    this.#turn = turn;
  }

  /** The member in use. */
  get client(): GrpcClient {
    const client = this.#clients[this.#turn % this.#clients.length];
    if (client === undefined) {
      throw new Error("no members");
    }
    return client;
  }

  /** One attempt at the member in use. Rejects when it failed or its outcome is not known; the next call goes elsewhere. */
  async once<Request extends DescMessage, Response extends DescMessage>(
    method: Method<Request, Response>,
    init: MessageInitShape<Request>,
    timeoutMs = 3000,
  ): Promise<MessageShape<Response>> {
    const request = toBinary(method.input, create(method.input, init));
    try {
      return fromBinary(method.output, await this.client.request(pathOf(method), request, { timeoutMs }));
    } catch (error) {
      this.moveOn();
      throw error;
    }
  }

  /** Until it succeeds; only for what may be done twice. */
  async repeat<Request extends DescMessage, Response extends DescMessage>(
    method: Method<Request, Response>,
    init: MessageInitShape<Request>,
    stopped: () => boolean = () => false,
  ): Promise<MessageShape<Response> | null> {
    while (!stopped()) {
      try {
        return await this.once(method, init);
      } catch {
        await pause(20); // Its member died, or has no leader: another one is asked.
      }
    }
    return null;
  }

  moveOn(): void {
    this.#turn++;
  }

  close(): void {
    for (const client of this.#clients) {
      client.close();
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
