/**
 * A stream that somebody opened to this member. Until it has introduced itself as a member of this cluster that means to reach this very
 * member, with the disk that is remembered, it may send one small frame and nothing it says counts.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import {
  type DecodedFrame,
  FrameDecoder,
  frameBytesMaxDefault,
  type GroupFrame,
  type Hello,
  judgeHello,
  mayRemoteSend,
  type NodeId,
  type PeerKnowledge,
  type RefusalCause,
  removedRefusal,
  welcomeOf,
} from "@quorate/raft";
import { control, type StreamContext } from "./outgoing-stream.ts";

/** What a stream needs of its transport. */
export interface IncomingContext extends StreamContext {
  readonly knowledge: PeerKnowledge;
  /** A remote is taken in; comes before {@link introduced}. */
  readonly adopted: (hello: Hello) => void;
  /** It has introduced itself: an older stream of the same peer ends. */
  readonly introduced: (stream: IncomingStream, peer: NodeId) => void;
  readonly received: (peer: NodeId, content: GroupFrame) => void;
  readonly closed: (stream: IncomingStream) => void;
}

/** One accepted stream. */
export class IncomingStream {
  readonly #context: IncomingContext;
  readonly #call: ServerDuplexStream<Uint8Array, Uint8Array>;
  readonly #decoder: FrameDecoder;
  #peer: NodeId | null = null;
  #isRemote = false;
  /** While the peer's store id is being noted, nothing further is read. */
  #admitting = false;
  #heardSinceCheck = false;
  #ended = false;
  #why = "ended by the peer";
  #timer: NodeJS.Timeout;

  constructor(context: IncomingContext, call: ServerDuplexStream<Uint8Array, Uint8Array>) {
    this.#context = context;
    this.#call = call;
    this.#decoder = new FrameDecoder(context.limits.handshakeBytesMax);
    this.#timer = setTimeout(() => this.end("no handshake"), context.limits.handshakeTimeoutMs);
    call.on("data", (chunk: Uint8Array) => this.#data(chunk));
    call.on("error", (error) => this.end(error.message));
    call.on("end", () => this.end("ended by the peer"));
    call.on("cancelled", () => this.end("cancelled by the peer"));
  }

  /** Who it is; null before it has introduced itself. */
  get peer(): NodeId | null {
    return this.#peer;
  }

  /** Whether it has said nothing yet that counts: no valid hello. */
  get isStranger(): boolean {
    return this.#peer === null && !this.#admitting;
  }

  /** Whether no configuration here names it. */
  get isRemote(): boolean {
    return this.#isRemote;
  }

  /** Ends it; nothing of it counts any more. */
  end(why: string): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#why = why;
    clearTimeout(this.#timer);
    this.#call.end();
    if (this.#peer !== null) {
      const { onEvent } = this.#context.start;
      onEvent?.({ type: "disconnected", peer: this.#peer, direction: "in", why: this.#why });
    }
    this.#context.closed(this);
  }

  /** The peer was removed: it is told so, and nothing that it still says counts. */
  dismiss(): void {
    if (this.#peer !== null) {
      const { cause, detail } = removedRefusal(this.#peer);
      this.#refuse(cause, detail);
    }
  }

  #data(chunk: Uint8Array): void {
    if (!this.#ended) {
      this.#heardSinceCheck = true;
      this.#context.counters.receivedBytes += chunk.length;
      this.#decoder.push(chunk);
      this.#takeFrames();
    }
  }

  #takeFrames(): void {
    while (!this.#admitting && !this.#ended) {
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
      this.#call.write(control({ kind: "pong" }));
    } else if (decoded.content.kind === "goodbye") {
      this.end("the peer said goodbye");
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
      (frame.message.to !== this.#context.start.identity.id ||
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
    const verdict = judgeHello(this.#context.start.identity, this.#context.knowledge, hello);
    if (verdict.status === "refused") {
      this.#refuse(verdict.refusal.cause, verdict.refusal.detail);
    } else if (verdict.status === "remote") {
      this.#isRemote = true;
      this.#context.adopted(hello);
      this.#admit(hello.from);
    } else {
      this.#meet(hello);
    }
  }

  /** Nothing of a member counts before its store id is noted. */
  #meet(hello: Hello): void {
    const { onFatal, storeIds } = this.#context.start;
    this.#admitting = true;
    this.#call.pause();
    storeIds.note(hello.from, hello.storeId, (error) => {
      this.#admitting = false;
      this.#call.resume();
      if (error !== null) {
        this.end(error.message);
        onFatal(error);
      } else if (!this.#ended) {
        this.#admit(hello.from);
        this.#takeFrames();
      }
    });
  }

  #admit(peer: NodeId): void {
    this.#peer = peer;
    this.#decoder.frameBytesMax = frameBytesMaxDefault;
    clearTimeout(this.#timer);
    // One timer for the whole stream instead of one reset with each chunk.
    this.#timer = setInterval(() => {
      if (!this.#heardSinceCheck) {
        this.end("no sign of life");
      }
      this.#heardSinceCheck = false;
    }, this.#context.limits.silenceMs);
    this.#context.introduced(this, peer);
    this.#context.start.onEvent?.({ type: "connected", peer, direction: "in" });
    this.#call.write(control(welcomeOf(this.#context.start.identity)));
  }

  #refuse(cause: RefusalCause, detail: string): void {
    this.#context.counters.refusedHandshakes++;
    this.#context.start.onEvent?.({ type: "refused", remote: this.#call.getPeer(), cause, detail });
    this.#call.write(control({ kind: "refusal", cause, detail }));
    this.end(detail);
  }

  #bad(why: string): void {
    this.#context.counters.badFrames++;
    this.#context.start.onEvent?.({ type: "bad-frame", remote: this.#call.getPeer(), why });
    this.end(why);
  }
}
