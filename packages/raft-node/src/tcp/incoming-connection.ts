/**
 * A connection that somebody opened to this member. Until it has introduced itself as a member of this cluster that means to
 * reach this very member, with the disk that is remembered, it may send one small frame and nothing it says counts.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import {
  type DecodedFrame,
  FrameDecoder,
  type GroupFrame,
  type Hello,
  type HelloVerdict,
  judgeHello,
  mayRemoteSend,
  type NodeId,
  type PeerKnowledge,
  type RefusalCause,
  removedRefusal,
  unknownRefusal,
  welcomeOf,
} from "@quorate/raft";
import type { TcpTransportOptions, TransportCounters, TransportLimits } from "./options.ts";
import { control } from "./outgoing-link.ts";
import { isEndedByPeer } from "./peer-life.ts";

/** What a connection needs of its transport. */
export interface IncomingContext {
  readonly options: TcpTransportOptions;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  readonly knowledge: PeerKnowledge;
  /** A remote is taken in; comes before {@link introduced}. */
  readonly adopted: (hello: Hello) => void;
  /** It has introduced itself: an older connection of the same peer ends. */
  readonly introduced: (connection: IncomingConnection, peer: NodeId, bootId: Uint8Array) => void;
  readonly received: (peer: NodeId, content: GroupFrame) => void;
  /** It is gone; `byPeer` when the other side ended or reset it. */
  readonly closed: (connection: IncomingConnection, byPeer: boolean) => void;
}

/** The largest frame that a peer may send. */
const frameBytesMax = 64 * 1024 * 1024;
/** "GET " as the first bytes: as a frame's length it would be far more than a handshake may have. */
const httpStart = [0x47, 0x45, 0x54, 0x20];

/** One accepted connection. */
export class IncomingConnection {
  readonly #context: IncomingContext;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #remote: string;
  #peer: NodeId | null = null;
  #isRemote = false;
  /** While the peer's store id is being noted, nothing further is read. */
  #admitting = false;
  #silenceTimer: NodeJS.Timeout;
  #heardSinceCheck = false;
  #heard = false;
  #why = "closed by the peer";
  #failure: Error | null = null;
  /** The peer closed its side, or announced it. */
  #ended = false;

  // Kept by name, so that a connection can be handed over without them.
  readonly #onData = (chunk: Uint8Array): void => this.#data(chunk);
  readonly #onError = (error: Error): void => {
    this.#why = error.message;
    this.#failure = error;
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
  };
  readonly #onClose = (): void => this.#closed();

  constructor(context: IncomingContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
    this.#remote = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#decoder = new FrameDecoder(context.limits.handshakeBytesMax);
    this.#silenceTimer = setTimeout(() => this.#end("no handshake"), context.limits.handshakeTimeoutMs);
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("error", this.#onError);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
  }

  /** Who it is; null before it has introduced itself. */
  get peer(): NodeId | null {
    return this.#peer;
  }

  /** Whether it has said nothing yet that counts: no valid hello. */
  get isStranger(): boolean {
    return this.#peer === null && !this.#admitting && !this.#socket.destroyed;
  }

  /** The address that it comes from. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** Whether no configuration here names it. */
  get isRemote(): boolean {
    return this.#isRemote;
  }

  /** Ends it. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** The peer was removed: it is told so, and nothing that it still says counts. */
  dismiss(): void {
    if (this.#peer !== null) {
      const { cause, detail } = removedRefusal(this.#peer);
      this.#refuse(cause, detail);
      this.#socket.off("data", this.#onData);
      this.#socket.resume();
    }
  }

  #data(chunk: Uint8Array): void {
    this.#heardSinceCheck = true;
    const { onHttp } = this.#context.options;
    if (!this.#heard && onHttp !== undefined && httpStart.every((byte, i) => chunk[i] === byte)) {
      this.#handOver(chunk, onHttp);
      return;
    }
    this.#heard = true;
    this.#context.counters.receivedBytes += chunk.length;
    this.#decoder.push(chunk);
    this.#takeFrames();
  }

  /** From here on the connection is none of this transport's. */
  #handOver(chunk: Uint8Array, onHttp: (socket: Socket) => void): void {
    const socket = this.#socket;
    clearTimeout(this.#silenceTimer);
    socket.off("data", this.#onData);
    socket.off("error", this.#onError);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
    this.#context.closed(this, false);
    socket.pause();
    socket.unshift(chunk);
    onHttp(socket);
    process.nextTick(() => socket.resume());
  }

  #takeFrames(): void {
    while (!this.#admitting && !this.#socket.destroyed) {
      const decoded = this.#decoder.next();
      if (decoded === null) {
        return;
      }
      this.#frame(decoded);
    }
  }

  #frame(decoded: DecodedFrame): void {
    if (decoded.status === "failed") {
      this.#bad(decoded.detail);
    } else if (decoded.status === "frame") {
      this.#peerFrame(decoded.content);
    } else if (decoded.content.kind === "hello" && this.#peer === null) {
      this.#hello(decoded.content);
    } else if (decoded.content.kind === "ping" && this.#peer !== null) {
      this.#socket.write(control({ kind: "pong" }));
    } else if (decoded.content.kind === "goodbye") {
      this.#ended = true;
      this.#end("the peer said goodbye");
    } else {
      this.#bad(`unexpected ${decoded.content.kind}`);
    }
  }

  #peerFrame(content: GroupFrame): void {
    const peer = this.#peer;
    if (peer === null) {
      this.#bad("frame before the handshake");
      return;
    }
    const { frame } = content;
    // Only a wish to hand over leadership names a third member: the one that is to lead.
    const spoofed =
      frame.kind === "message" &&
      (frame.message.to !== this.#context.options.identity.id ||
        (frame.message.from !== peer && frame.message.type !== "transfer-leadership"));
    if (spoofed) {
      this.#bad(`member ${peer} sent a message that is not from it to this member`);
      return;
    }
    if (this.#isRemote && !mayRemoteSend(frame)) {
      this.#context.counters.droppedFrames++;
      return;
    }
    this.#context.counters.receivedFrames++;
    this.#context.received(peer, content);
  }

  #hello(hello: Hello): void {
    const verdict = this.#judge(hello);
    if (verdict.status === "refused") {
      this.#refuse(verdict.refusal.cause, verdict.refusal.detail);
    } else if (verdict.status === "remote") {
      this.#isRemote = true;
      this.#context.adopted(hello);
      this.#admit(hello);
    } else {
      this.#meet(hello);
    }
  }

  /** Nothing of a member counts before its store id is noted. */
  #meet(hello: Hello): void {
    const { storeIds } = this.#context.options;
    this.#admitting = true;
    this.#socket.pause();
    storeIds.note(hello.from, hello.storeId, (error) => {
      this.#admitting = false;
      this.#socket.resume();
      if (error !== null) {
        this.#socket.destroy(error);
        this.#context.options.onFatal(error);
        return;
      }
      if (this.#socket.destroyed) {
        return;
      }
      this.#admit(hello);
      this.#takeFrames();
    });
  }

  #judge(hello: Hello): HelloVerdict {
    const { knowledge, options } = this.#context;
    const { identity, tls } = options;
    const verdict = judgeHello(identity, knowledge, hello);
    if (verdict.status === "refused" || !isSecured(this.#socket)) {
      return verdict;
    }
    const advertised = verdict.status === "remote" ? hello.address : null;
    const notIts = tls?.judge?.(hello.from, this.#socket, advertised) ?? null;
    if (notIts === null) {
      return verdict;
    }
    const refusal =
      advertised === null
        ? { cause: "unknown-peer" as const, detail: notIts }
        : unknownRefusal(hello.from, notIts);
    return { status: "refused", refusal };
  }

  #admit({ bootId, from: peer }: Hello): void {
    const { limits, options } = this.#context;
    this.#peer = peer;
    this.#decoder.frameBytesMax = frameBytesMax;
    clearTimeout(this.#silenceTimer);
    // One timer for the whole connection instead of one reset with each chunk.
    this.#silenceTimer = setInterval(() => {
      if (!this.#heardSinceCheck) {
        this.#end("no sign of life");
      }
      this.#heardSinceCheck = false;
    }, limits.silenceMs);
    this.#context.introduced(this, peer, bootId);
    options.onEvent?.({ type: "connected", peer, direction: "in" });
    this.#socket.write(control(welcomeOf(options.identity)));
  }

  #refuse(cause: RefusalCause, detail: string): void {
    this.#context.counters.refusedHandshakes++;
    this.#context.options.onEvent?.({ type: "refused", remote: this.#remote, cause, detail });
    this.#why = detail;
    this.#socket.end(control({ kind: "refusal", cause, detail }));
    // Whoever does not close its half is not waited for.
    setTimeout(() => this.#socket.destroy(), this.#context.limits.closeMs).unref();
  }

  #bad(why: string): void {
    this.#context.counters.badFrames++;
    this.#context.options.onEvent?.({ type: "bad-frame", remote: this.#remote, why });
    this.#end(why);
  }

  #end(why: string): void {
    this.#why = why;
    this.#socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#silenceTimer);
    if (this.#peer !== null) {
      this.#context.options.onEvent?.({
        type: "disconnected",
        peer: this.#peer,
        direction: "in",
        why: this.#why,
      });
    }
    this.#context.closed(this, isEndedByPeer(this.#ended, this.#failure));
  }
}

/** PERF: told by what it has, not by its class, which loads TLS. */
function isSecured(socket: Socket): socket is TLSSocket {
  return "encrypted" in socket;
}
