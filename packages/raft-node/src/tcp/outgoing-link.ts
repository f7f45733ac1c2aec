/**
 * The connection on which this member speaks to one peer: dialled, introduced, kept up. What comes back on it is only the
 * handshake's answer and signs of life; the peer speaks on a connection of its own. A lost connection is dialled again with
 * growing pauses, for as long as the peer is a member.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { assert, ByteWriter } from "@quorate/base";
import {
  encodeControlFrame,
  FrameDecoder,
  type FrameEncoder,
  type GroupId,
  helloOf,
  judgeWelcome,
  type NodeId,
  type PeerFrame,
  type Welcome,
} from "@quorate/raft";
import { FrameQueue } from "./frame-queue.ts";
import type { PeerAddress, TcpTransportOptions, TransportCounters, TransportLimits } from "./options.ts";
import { isEndedByPeer, isRefusal } from "./peer-life.ts";

/** What a link needs of its transport. */
export interface LinkContext {
  readonly options: TcpTransportOptions;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  readonly encoder: FrameEncoder;
  /** Where this member is reached, as it says in each handshake; empty where it cannot say. */
  readonly ownAddress: () => string;
  /** The connection is gone, or frames were dropped: what was on its way may be lost. */
  readonly unreachable: (peer: NodeId) => void;
  readonly established: (peer: NodeId, bootId: Uint8Array) => void;
  /** An established connection is gone. */
  readonly ended: (peer: NodeId, byPeer: boolean) => void;
  /** Nobody listens at its address. */
  readonly refused: (peer: NodeId) => void;
}

type State = "idle" | "dialling" | "introducing" | "open" | "closed";

/** This member's side of the way to `peer`. */
export class OutgoingLink {
  readonly #context: LinkContext;
  readonly #peer: NodeId;
  readonly #address: PeerAddress;
  /** What a remote says of where it is reached; null of a member. */
  readonly #advertised: string | null;
  readonly #queue: FrameQueue;
  #state: State = "idle";
  #socket: Socket | null = null;
  #reconnectTimer: NodeJS.Timeout | null = null;
  #deadlineTimer: NodeJS.Timeout | null = null;
  #pingTimer: NodeJS.Timeout | null = null;
  #foundAt: string | null = null;
  #attempts = 0;
  #openedAtMs = 0;
  #dropped = false;
  /** Refusals repeat with each attempt; the operator needs them once. */
  #lastRefusal = "";

  constructor(context: LinkContext, peer: NodeId, address: PeerAddress, advertised: string | null = null) {
    this.#context = context;
    this.#peer = peer;
    this.#address = address;
    this.#advertised = advertised;
    this.#queue = new FrameQueue(context.encoder, context.limits);
  }

  /** Begins to dial. */
  start(): void {
    assert(this.#state === "idle", "link: started twice");
    this.#dial();
  }

  /** Where it dials. */
  get address(): PeerAddress {
    return this.#address;
  }

  /** The address at which the peer was found the last time; null before the first. */
  get foundAt(): string | null {
    return this.#foundAt;
  }

  /** Whether a connection stands and its handshake is done. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Something happened to the peer: dials now instead of after the pause. */
  hurry(): void {
    if (this.#reconnectTimer !== null) {
      clearTimeout(this.#reconnectTimer);
      this.#reconnectTimer = null;
      this.#dial();
    }
  }

  /** Queues a frame; `flush` sends what one turn queued. Without a connection the frame is lost. */
  send(group: GroupId, frame: PeerFrame): void {
    const taken = this.#state === "open" && this.#queue.push(group, frame);
    if (taken) {
      this.#context.counters.sentFrames++;
    } else {
      this.#context.counters.droppedFrames++;
      this.#dropped = true;
    }
  }

  /** Writes what is queued, as far as the kernel keeps up. */
  flush(): void {
    if (this.#dropped) {
      this.#dropped = false;
      this.#context.unreachable(this.#peer);
    }
    const socket = this.#socket;
    if (this.#state !== "open" || socket === null) {
      return;
    }
    const { socketBytesMax } = this.#context.limits;
    // PERF: what one turn queued leaves in one system call, both lanes together.
    socket.cork();
    while (socket.writableLength < socketBytesMax) {
      const bytes = this.#queue.take();
      if (bytes === null) {
        break;
      }
      this.#context.counters.sentBytes += bytes.length;
      this.#write(socket, bytes);
    }
    socket.uncork();
  }

  #write(socket: Socket, bytes: Uint8Array): void {
    if (!this.#queue.wants(bytes)) {
      socket.write(bytes);
      return;
    }
    socket.write(bytes, (error) => {
      // Of what was not written nobody knows who still holds it.
      if (error === null || error === undefined) {
        this.#queue.giveBack(bytes);
      }
    });
  }

  /** Says goodbye and closes; nothing is sent afterwards. Calls back when the socket is gone. */
  close(completed: () => void): void {
    const socket = this.#socket;
    const wasOpen = this.#state === "open";
    if (wasOpen) {
      this.flush();
    }
    this.#state = "closed";
    this.#clearTimers();
    if (socket === null || socket.destroyed) {
      completed();
      return;
    }
    socket.once("close", () => completed());
    if (wasOpen) {
      socket.end(control({ kind: "goodbye" }));
    } else {
      socket.destroy();
    }
    setTimeout(() => socket.destroy(), this.#context.limits.closeMs).unref();
  }

  #dial(): void {
    assert(this.#socket === null, "link: dialled over a connection");
    const tls = this.#tls();
    const { host, port } = this.#address;
    this.#state = "dialling";
    const socket =
      tls === null
        ? connectTcp(port, host)
        : // RFC 6066 §3: an address is no server name; the certificate is held against it all the same.
          process
            .getBuiltinModule("node:tls")
            .connect({ ...tls, host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once(tls === null ? "connect" : "secureConnect", () => this.#introduce(socket));
    socket.on("drain", () => this.flush());
    // The reason of a failure comes with `error`; `close` always follows.
    let failure: Error | null = null;
    let ended = false;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("end", () => {
      ended = true;
    });
    socket.on("close", () => this.#lost(failure, ended));
    this.#armDeadline(socket, this.#context.limits.handshakeTimeoutMs, "no answer to the handshake");
  }

  #tls(): ConnectionOptions | null {
    const client = this.#context.options.tls?.client ?? null;
    return typeof client === "function" ? client(this.#peer, this.#advertised) : client;
  }

  #introduce(socket: Socket): void {
    const { identity, storeIds } = this.#context.options;
    this.#state = "introducing";
    const decoder = new FrameDecoder(this.#context.limits.handshakeBytesMax);
    socket.on("data", (chunk: Uint8Array) => this.#received(socket, decoder, chunk));
    const self = { ...identity, address: this.#context.ownAddress() };
    socket.write(control(helloOf(self, this.#peer, storeIds.expected(this.#peer))));
  }

  #received(socket: Socket, decoder: FrameDecoder, chunk: Uint8Array): void {
    decoder.push(chunk);
    for (let decoded = decoder.next(); decoded !== null && !socket.destroyed; decoded = decoder.next()) {
      if (decoded.status === "failed") {
        this.#context.counters.badFrames++;
        this.#emitBadFrame(decoded.detail);
        socket.destroy();
      } else if (decoded.status === "frame") {
        this.#emitBadFrame("a peer speaks on its own connection only");
        socket.destroy();
      } else if (decoded.content.kind === "welcome" && this.#state === "introducing") {
        this.#welcomed(socket, decoded.content);
      } else if (decoded.content.kind === "refusal") {
        this.#refused(decoded.content.cause, decoded.content.detail);
        socket.destroy();
      } else if (decoded.content.kind === "pong" && this.#state === "open") {
        this.#armDeadline(socket, this.#context.limits.silenceMs, "no sign of life");
      } else if (decoded.content.kind !== "goodbye") {
        this.#emitBadFrame(`unexpected ${decoded.content.kind}`);
        socket.destroy();
      }
    }
  }

  #welcomed(socket: Socket, welcome: Welcome): void {
    const { storeIds } = this.#context.options;
    const knowledge = { judge: (id: NodeId, storeId: Uint8Array) => storeIds.judge(id, storeId) };
    const refusal = judgeWelcome(this.#peer, knowledge, welcome);
    if (refusal !== null) {
      this.#refused(refusal.cause, refusal.detail);
      socket.destroy();
      return;
    }
    if (this.#advertised !== null) {
      // Nothing that a remote says counts in a quorum, and strangers may not fill the notes.
      this.#open(socket, welcome.bootId);
      return;
    }
    storeIds.note(this.#peer, welcome.storeId, (error) => {
      if (error !== null) {
        socket.destroy(error);
        this.#context.options.onFatal(error);
      } else if (!socket.destroyed && this.#state === "introducing") {
        this.#open(socket, welcome.bootId);
      }
    });
  }

  #open(socket: Socket, bootId: Uint8Array): void {
    const { limits, options } = this.#context;
    this.#state = "open";
    this.#openedAtMs = performance.now();
    this.#foundAt = socket.remoteAddress ?? null;
    this.#attempts = 0;
    this.#lastRefusal = "";
    this.#armDeadline(socket, limits.silenceMs, "no sign of life");
    this.#pingTimer = setInterval(() => socket.write(control({ kind: "ping" })), limits.pingIntervalMs);
    options.onEvent?.({ type: "connected", peer: this.#peer, direction: "out" });
    this.#context.established(this.#peer, bootId);
  }

  #lost(failure: Error | null, ended: boolean): void {
    const wasOpen = this.#state === "open";
    this.#socket = null;
    this.#clearTimers();
    if (this.#state === "closed") {
      return;
    }
    this.#state = "idle";
    // What waited belongs to a connection that is gone; the core sends anew what still matters.
    while (this.#queue.take() !== null) {
      this.#context.counters.droppedFrames++;
    }
    if (wasOpen) {
      const why = failure?.message ?? "closed by the peer";
      this.#context.options.onEvent?.({ type: "disconnected", peer: this.#peer, direction: "out", why });
    }
    this.#context.unreachable(this.#peer);
    const byPeer = isEndedByPeer(ended, failure);
    if (wasOpen) {
      this.#context.ended(this.#peer, byPeer);
    } else if (isRefusal(failure)) {
      this.#context.refused(this.#peer);
    }
    this.#dialAfter(wasOpen && byPeer && this.#stood ? 0 : this.#pauseMs());
  }

  /** Only a connection that stood for a while is dialled anew at once: one that is cut again and again must not keep this member busy. */
  get #stood(): boolean {
    return performance.now() - this.#openedAtMs >= this.#context.limits.reconnectMsMax;
  }

  #dialAfter(ms: number): void {
    if (ms === 0) {
      this.#dial();
      return;
    }
    this.#reconnectTimer = setTimeout(() => {
      this.#reconnectTimer = null;
      this.#dial();
    }, ms);
  }

  /** Doubles with each failure up to a bound, drawn from the upper half, so that members do not dial in step. */
  #pauseMs(): number {
    const { reconnectMsMin, reconnectMsMax } = this.#context.limits;
    const fullMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** Math.min(this.#attempts, 16));
    this.#attempts++;
    return fullMs * (0.5 + Math.random() / 2);
  }

  #refused(cause: string, detail: string): void {
    this.#context.counters.refusedHandshakes++;
    this.#attempts = 16;
    if (this.#lastRefusal !== cause) {
      this.#lastRefusal = cause;
      this.#context.options.onEvent?.({
        type: "refused-by",
        peer: this.#peer,
        cause,
        detail,
        ...(this.#advertised === null ? {} : { byRemote: true }),
      });
    }
  }

  #emitBadFrame(why: string): void {
    const remote = `${this.#address.host}:${this.#address.port}`;
    this.#context.options.onEvent?.({ type: "bad-frame", remote, why });
  }

  #armDeadline(socket: Socket, ms: number, why: string): void {
    if (this.#deadlineTimer !== null) {
      clearTimeout(this.#deadlineTimer);
    }
    this.#deadlineTimer = setTimeout(() => socket.destroy(new Error(why)), ms);
  }

  #clearTimers(): void {
    clearTimeout(this.#reconnectTimer ?? undefined);
    clearTimeout(this.#deadlineTimer ?? undefined);
    clearInterval(this.#pingTimer ?? undefined);
    this.#reconnectTimer = null;
    this.#deadlineTimer = null;
    this.#pingTimer = null;
  }
}

/** One control frame as bytes. */
export function control(frame: Parameters<typeof encodeControlFrame>[1]): Uint8Array {
  const writer = new ByteWriter(128);
  encodeControlFrame(writer, frame);
  return writer.finish();
}
