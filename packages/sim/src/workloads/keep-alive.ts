/** Keeps a lease alive over a stream of its own, through whichever member; where the stream breaks it goes on at another one. */
import type { ClientStream } from "../etcd/client-network.ts";
import type { Clocks } from "../etcd/lease-checker.ts";
import { Message, MessageWriter } from "../etcd/protobuf.ts";
import type { Client } from "./client.ts";

const path = "/etcdserverpb.Lease/LeaseKeepAlive";

/** What a holder of leases needs beside its client. */
export interface Time {
  /** What the clocks of all members show. */
  readonly clocks: () => Clocks;
  /** Whether leaders may renew without asking a majority each time. */
  readonly isFast: boolean;
}

/** Questions of one stream that may wait for their answers. */
const openCountMax = 5;

/** For how long another leader may have ended a lease that a fast one renews: a tenth of a second by its clock, and that is one in twenty slow. */
const staleMsMax = 110;

/** Renews one lease until {@link stop}. */
export class KeepAlive {
  readonly #client: Client;
  readonly #time: Time;
  readonly #id: number;
  readonly #pauseMs: () => number;
  readonly #onGone: () => void;
  #stream: ClientStream | null = null;
  #isOver = false;

  /**
   * @param pauseMs Between two renewals, drawn each time.
   * @param onGone Called once when a member says that the lease is no more.
   */
  constructor(client: Client, time: Time, id: number, pauseMs: () => number, onGone: () => void) {
    this.#client = client;
    this.#time = time;
    this.#id = id;
    this.#pauseMs = pauseMs;
    this.#onGone = onGone;
    this.#renew();
  }

  /** Renews no more. */
  stop(): void {
    this.#isOver = true;
    this.#stream?.abort();
    this.#stream = null;
  }

  /** Asks, and again after a while; what is not answered by then is asked elsewhere. */
  #renew(): void {
    const { random } = this.#client;
    const { isActive, world } = this.#client.kit;
    if (this.#isOver || !isActive()) {
      return;
    }
    const pauseMs = this.#pauseMs();
    // Who renews in quick succession does not go elsewhere as quickly: what nobody waits for any more is asked on for seconds.
    if (random.chance(Math.min(0.2, pauseMs / 2_000))) {
      this.#stream?.abort();
      this.#stream = null;
    }
    this.#ask();
    world.schedule(pauseMs, () => this.#renew());
  }

  #ask(): void {
    const { world } = this.#client.kit;
    const asked: Asked[] = this.#asked;
    if (this.#stream !== null && asked.length >= openCountMax) {
      return;
    }
    asked.push({ clocks: this.#time.clocks(), atMs: world.nowMs });
    this.#stream ??= this.#open();
    this.#stream.send(new MessageWriter().number(1, this.#id).finish());
  }

  /** What the present stream was asked and has not answered, in order. */
  #asked: Asked[] = [];

  #open(): ClientStream {
    const { network } = this.#client.kit;
    const last = this.#asked.slice(-1);
    this.#asked = last;
    const stream = network.stream(this.#client.node(), this.#client.head(path), {
      arrived: (bytes) => this.#answered(last, new Message(bytes)),
      closed: () => {
        if (this.#stream === stream) {
          this.#stream = null;
        }
      },
    });
    return stream;
  }

  #answered(asked: Asked[], message: Message): void {
    const { counts, oracle } = this.#client.kit;
    const question = asked.shift();
    if (this.#isOver || question === undefined) {
      return;
    }
    const id = BigInt(message.number(2));
    if (message.number(3) > 0) {
      oracle.leases.held(id, question.clocks, question.atMs - (this.#time.isFast ? staleMsMax : 0));
      counts.add("lease-keep-alive");
    } else {
      oracle.leases.gone(id, oracle.model.leases.has(id));
      counts.add("lease-keep-alive-gone");
      this.stop();
      this.#onGone();
    }
  }
}

interface Asked {
  readonly clocks: Clocks;
  readonly atMs: number;
}
