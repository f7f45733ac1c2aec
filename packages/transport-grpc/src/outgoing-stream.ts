/**
 * The stream on which this member speaks to one peer: called, introduced, kept up. What comes back is only the handshake's answer and
 * signs of life. A lost stream is called again with growing pauses, for as long as the peer is a member.
 */
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { assert, ByteWriter, concatBytes } from "@quorate/base";
import {
  type ControlFrame,
  encodeControlFrame,
  FrameDecoder,
  type GroupId,
  helloOf,
  judgeWelcome,
  type NodeId,
  type PeerFrame,
  type Welcome,
} from "@quorate/raft";
import { FrameLanes } from "./frame-lanes.ts";
import type {
  GrpcAddress,
  GrpcTransportCounters,
  GrpcTransportLimits,
  GrpcTransportOptions,
  GrpcTransportStart,
} from "./options.ts";
import { chunkBytesMax, connectMethod, messageBytesMax } from "./service.ts";

/** What streams share with their transport. */
export interface StreamContext {
  readonly start: GrpcTransportStart;
  readonly options: GrpcTransportOptions;
  readonly limits: GrpcTransportLimits;
  readonly counters: GrpcTransportCounters;
  /** Where this member is reached, as it says in each handshake; empty where it cannot say. */
  readonly ownAddress: () => string;
  /** What was on its way to the peer, or from it, may be lost. */
  readonly unreachable: (peer: NodeId) => void;
}

type State = "idle" | "introducing" | "open" | "closed";
type Stream = ClientDuplexStream<Uint8Array, Uint8Array>;

/** This member's side of the way to `peer`. */
export class OutgoingStream {
  readonly address: GrpcAddress;
  readonly #context: StreamContext;
  readonly #peer: NodeId;
  readonly #lanes: FrameLanes;
  /** Whether no configuration here names the peer. */
  readonly #isRemote: boolean;
  #state: State = "idle";
  #client: Client | null = null;
  #stream: Stream | null = null;
  #callTimer: NodeJS.Timeout | null = null;
  #deadlineTimer: NodeJS.Timeout | null = null;
  #pingTimer: NodeJS.Timeout | null = null;
  #attempts = 0;
  #dropped = false;
  /** Bytes that gRPC's flow control has not taken yet. */
  #underWayBytes = 0;
  /** Refusals repeat with each attempt; the operator needs them once. */
  #lastRefusal = "";

  constructor(context: StreamContext, peer: NodeId, address: GrpcAddress, isRemote = false) {
    this.#isRemote = isRemote;
    this.#context = context;
    this.#peer = peer;
    this.address = address;
    this.#lanes = new FrameLanes(context.limits);
  }

  /** Begins to call. */
  start(): void {
    assert(this.#state === "idle" && this.#stream === null, "stream: started twice");
    this.#call();
  }

  /** Something happened to the peer: calls now instead of after the pause. */
  hurry(): void {
    if (this.#callTimer !== null) {
      clearTimeout(this.#callTimer);
      this.#callTimer = null;
      this.#call();
    }
  }

  /** Queues a frame; `flush` sends what one turn queued. Without a stream the frame is lost. */
  send(group: GroupId, frame: PeerFrame): void {
    if (this.#state === "open" && this.#lanes.push(group, frame)) {
      this.#context.counters.sentFrames++;
    } else {
      this.#context.counters.droppedFrames++;
      this.#dropped = true;
    }
  }

  /** Writes what is queued, as far as the peer takes it. */
  flush(): void {
    if (this.#dropped) {
      this.#dropped = false;
      this.#context.unreachable(this.#peer);
    }
    const { streamBytesMax } = this.#context.limits;
    while (this.#state === "open" && this.#underWayBytes < streamBytesMax) {
      const bytes = this.#take();
      if (bytes === null) {
        return;
      }
      this.#write(bytes);
    }
  }

  /** PERF: small frames of one turn leave as one message. */
  #take(): Uint8Array | null {
    const frames: Uint8Array[] = [];
    for (let bytes = 0; bytes < chunkBytesMax / 2; ) {
      const frame = this.#lanes.shift();
      if (frame === null) {
        break;
      }
      frames.push(frame);
      bytes += frame.length;
    }
    const [first] = frames;
    return frames.length > 1 ? concatBytes(frames) : (first ?? null);
  }

  #write(bytes: Uint8Array): void {
    const stream = this.#stream;
    assert(stream !== null, "stream: nothing to write to");
    this.#context.counters.sentBytes += bytes.length;
    for (let at = 0; at < bytes.length; at += chunkBytesMax) {
      const chunk = bytes.subarray(at, at + chunkBytesMax);
      this.#underWayBytes += chunk.length;
      stream.write(chunk, () => {
        if (this.#stream === stream) {
          this.#underWayBytes -= chunk.length;
          this.flush();
        }
      });
    }
  }

  /** Says goodbye and ends; nothing is sent afterwards. Calls back when the connection is given up. */
  close(completed: () => void): void {
    const wasOpen = this.#state === "open";
    const stream = this.#stream;
    if (wasOpen) {
      this.flush();
      this.#write(control({ kind: "goodbye" }));
    }
    this.#state = "closed";
    this.#clearTimers();
    if (stream === null || !wasOpen) {
      stream?.cancel();
      this.#release();
      completed();
      return;
    }
    const deadline = setTimeout(() => stream.cancel(), this.#context.limits.closeMs);
    stream.once("status", () => {
      clearTimeout(deadline);
      this.#release();
      completed();
    });
    stream.end();
  }

  #call(): void {
    assert(this.#stream === null, "stream: called over another one");
    const { identity, storeIds } = this.#context.start;
    const { host, port } = this.address;
    this.#state = "introducing";
    this.#client = new Client(
      `${host.includes(":") ? `[${host}]` : host}:${port}`,
      this.#context.options.credentials?.client ?? credentials.createInsecure(),
      {
        // One connection for each attempt: pauses between attempts are this class's own.
        "grpc.use_local_subchannel_pool": 1,
        "grpc.max_receive_message_length": messageBytesMax,
        "grpc.max_send_message_length": messageBytesMax,
        "grpc.enable_retries": 0,
      },
    );
    const { path, requestSerialize, responseDeserialize } = connectMethod;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream = stream;
    this.#underWayBytes = 0;
    const decoder = new FrameDecoder(this.#context.limits.handshakeBytesMax);
    stream.on("data", (chunk: Uint8Array) => this.#received(stream, decoder, chunk));
    // The reason comes with the status, which always follows.
    stream.on("error", () => {});
    stream.on("status", ({ details }) => this.#lost(stream, details));
    this.#armDeadline(stream, this.#context.limits.handshakeTimeoutMs);
    const self = { ...identity, address: this.#context.ownAddress() };
    this.#write(control(helloOf(self, this.#peer, storeIds.expected(this.#peer))));
  }

  #received(stream: Stream, decoder: FrameDecoder, chunk: Uint8Array): void {
    if (this.#stream !== stream || this.#state === "closed") {
      return;
    }
    decoder.push(chunk);
    for (let decoded = decoder.next(); decoded !== null; decoded = decoder.next()) {
      if (decoded.status === "failed" || decoded.status === "frame") {
        this.#bad(
          stream,
          decoded.status === "failed" ? decoded.detail : "a peer speaks on its own stream only",
        );
        return;
      }
      this.#control(stream, decoded.content);
    }
  }

  #control(stream: Stream, frame: ControlFrame): void {
    if (frame.kind === "welcome" && this.#state === "introducing") {
      this.#welcomed(stream, frame);
    } else if (frame.kind === "refusal") {
      this.#refused(stream, frame.cause, frame.detail);
    } else if (frame.kind === "pong" && this.#state === "open") {
      this.#armDeadline(stream, this.#context.limits.silenceMs);
    } else if (frame.kind !== "goodbye") {
      this.#bad(stream, `unexpected ${frame.kind}`);
    }
  }

  #welcomed(stream: Stream, welcome: Welcome): void {
    const { onFatal, storeIds } = this.#context.start;
    const judge = (id: NodeId, storeId: Uint8Array) => storeIds.judge(id, storeId);
    const refusal = judgeWelcome(this.#peer, { judge }, welcome);
    if (refusal !== null) {
      this.#refused(stream, refusal.cause, refusal.detail);
      return;
    }
    if (this.#isRemote) {
      // Nothing that a remote says counts in a quorum, and strangers may not fill the notes.
      this.#open(stream);
      return;
    }
    storeIds.note(this.#peer, welcome.storeId, (error) => {
      if (error !== null) {
        stream.cancel();
        onFatal(error);
      } else if (this.#stream === stream && this.#state === "introducing") {
        this.#open(stream);
      }
    });
  }

  #open(stream: Stream): void {
    this.#state = "open";
    this.#attempts = 0;
    this.#lastRefusal = "";
    this.#armDeadline(stream, this.#context.limits.silenceMs);
    this.#pingTimer = setInterval(
      () => this.#write(control({ kind: "ping" })),
      this.#context.limits.pingIntervalMs,
    );
    this.#context.start.onEvent?.({ type: "connected", peer: this.#peer, direction: "out" });
  }

  #lost(stream: Stream, why: string): void {
    if (this.#stream !== stream || this.#state === "closed") {
      return;
    }
    const wasOpen = this.#state === "open";
    this.#state = "idle";
    this.#clearTimers();
    this.#release();
    // What waited belongs to a stream that is gone; the core sends anew what still matters.
    while (this.#lanes.shift() !== null) {
      this.#context.counters.droppedFrames++;
    }
    if (wasOpen) {
      this.#context.start.onEvent?.({ type: "disconnected", peer: this.#peer, direction: "out", why });
    }
    this.#context.unreachable(this.#peer);
    this.#callTimer = setTimeout(() => {
      this.#callTimer = null;
      this.#call();
    }, this.#pauseMs());
  }

  /** Doubles with each failure up to a bound, drawn from the upper half, so that members do not call in step. */
  #pauseMs(): number {
    const { reconnectMsMax, reconnectMsMin } = this.#context.limits;
    const fullMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** Math.min(this.#attempts, 16));
    this.#attempts++;
    return fullMs * (0.5 + Math.random() / 2);
  }

  #refused(stream: Stream, cause: string, detail: string): void {
    this.#context.counters.refusedHandshakes++;
    this.#attempts = 16;
    if (this.#lastRefusal !== cause) {
      this.#lastRefusal = cause;
      this.#context.start.onEvent?.({
        type: "refused-by",
        peer: this.#peer,
        cause,
        detail,
        ...(this.#isRemote ? { byRemote: true } : {}),
      });
    }
    stream.cancel();
  }

  #bad(stream: Stream, why: string): void {
    this.#context.counters.badFrames++;
    const remote = `${this.address.host}:${this.address.port}`;
    this.#context.start.onEvent?.({ type: "bad-frame", remote, why });
    stream.cancel();
  }

  #armDeadline(stream: Stream, ms: number): void {
    clearTimeout(this.#deadlineTimer ?? undefined);
    this.#deadlineTimer = setTimeout(() => stream.cancel(), ms);
  }

  #release(): void {
    this.#stream = null;
    this.#client?.close();
    this.#client = null;
  }

  #clearTimers(): void {
    clearTimeout(this.#callTimer ?? undefined);
    clearTimeout(this.#deadlineTimer ?? undefined);
    clearInterval(this.#pingTimer ?? undefined);
    this.#callTimer = null;
    this.#deadlineTimer = null;
    this.#pingTimer = null;
  }
}

/** One control frame as bytes. */
export function control(frame: ControlFrame): Uint8Array {
  const writer = new ByteWriter(128);
  encodeControlFrame(writer, frame);
  return writer.finish();
}
