/** A thread that runs attacks of attacks.ts, one after the other, each until it is called off: writes as fast as the other side takes it. */
import { connect, type Socket } from "node:net";
import { parentPort, Worker } from "node:worker_threads";
import { type Attack, attacks } from "./attacks.ts";

/** What the thread is told: where and which one, or that it is over. */
type Order = { readonly port: number; readonly name: string } | "over";

/** The thread, as tests see it. */
export class Attacker {
  readonly #worker = new Worker(new URL(import.meta.url));
  #connections = 0;
  #ended: (() => void) | null = null;

  constructor() {
    this.#worker.on("message", (count: number | "over") => {
      if (count === "over") {
        this.#ended?.();
      } else {
        this.#connections = count;
      }
    });
  }

  /** Connections that stood so far in this attack. */
  get connections(): number {
    return this.#connections;
  }

  begin(port: number, name: string): void {
    this.#connections = 0;
    this.#worker.postMessage({ port, name } satisfies Order);
  }

  /** Ends all connections; resolves when they are gone on this side. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#ended = resolve;
      this.#worker.postMessage("over" satisfies Order);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

const reconnectMs = 5;

/** One attack that runs. */
class Running {
  readonly #port: number;
  readonly #attack: Attack;
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #over = false;

  constructor(port: number, attack: Attack) {
    this.#port = port;
    this.#attack = attack;
    for (let i = 0; i < attack.connections; i++) {
      this.#connect();
    }
  }

  end(): void {
    this.#over = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #connect(): void {
    if (this.#over) {
      return;
    }
    const { everyMs, first, next, reads } = this.#attack;
    const socket = connect(this.#port, "127.0.0.1");
    let sent = 0;
    this.#sockets.add(socket);
    socket.on("error", () => {}); // To be thrown out is what it came for.
    socket.on("close", () => {
      this.#sockets.delete(socket);
      setTimeout(() => this.#connect(), reconnectMs);
    });
    if (reads) {
      socket.resume();
    }
    const send = (): void => {
      const bytes = this.#over ? null : next(sent);
      if (bytes !== null && socket.writable) {
        sent++;
        socket.write(bytes, () => (everyMs === undefined ? setImmediate(send) : setTimeout(send, everyMs)));
      }
    };
    socket.on("connect", () => {
      this.#connections++;
      parentPort?.postMessage(this.#connections);
      socket.write(first, send);
    });
  }
}

let running: Running | null = null;

parentPort?.on("message", (order: Order) => {
  if (order === "over") {
    running?.end();
    running = null;
    parentPort?.postMessage("over");
    return;
  }
  const attack = attacks.find(({ name }) => name === order.name);
  if (attack === undefined) {
    throw new Error(`no attack is named ${order.name}`);
  }
  running = new Running(order.port, attack);
});
