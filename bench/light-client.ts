/**
 * A load generator's gRPC client: just enough HTTP/2 to send calls and see them answered, at about 3 µs a call, so that
 * the server is measured and not the client. It checks nothing that a real client must; never use it for anything else.
 *
 * An answered call is one that brought a DATA frame before its END_STREAM; an error comes as trailers alone.
 */
import { connect, type Socket } from "node:net";

const frameHeaderBytes = 9;
const frameData = 0;
const frameHeaders = 1;
const frameReset = 3;
const frameSettings = 4;
const framePing = 6;
const frameGoaway = 7;
const frameWindowUpdate = 8;
const flagEndStream = 1;
const flagAck = 1;
const flagEndHeaders = 4;
const errorCancel = 8;

/** A call that waits for its end. */
interface Waiting {
  /** Called once: whether it was answered with a message. */
  readonly done: (ok: boolean) => void;
  /** Called with each piece of its body, `bytes[start, end)`; the bytes are good until it returns. */
  readonly received: ((bytes: Buffer, start: number, end: number) => void) | null;
  sawData: boolean;
}

/** One connection with any number of calls in flight. */
export class LightClient {
  readonly #answered = new Map<number, Waiting>();
  readonly #socket: Socket;
  readonly #authority: string;
  /** The header block of each path that was called. */
  readonly #blocks = new Map<string, Buffer>();
  readonly #headers: Buffer;
  #nextStream = 1;
  #sendWindow = 65_535;
  #outgoing: Buffer[] = [];
  #blocked: { message: Uint8Array; done: (ok: boolean) => void }[] = [];
  #flushQueued = false;
  #pending: Buffer = Buffer.alloc(0);
  #receivedBytes = 0;

  private constructor(socket: Socket, path: string, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    this.#headers = this.#block(path);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#failAll());
    socket.on("error", () => this.#failAll());
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // SETTINGS: a large stream window; then a large connection window, so that answers never stall.
    const settings = frame(frameSettings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
    socket.write(Buffer.concat([preface, settings, windowUpdate(0x3fffffff)]));
  }

  static open(host: string, port: number, path: string): Promise<LightClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new LightClient(socket, path, `${host}:${port}`)));
    });
  }

  /** Sends one message; `done` is called once. */
  call(message: Uint8Array, done: (ok: boolean) => void): void {
    if (this.#sendWindow < message.length + 5) {
      this.#blocked.push({ message, done });
      return;
    }
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#sendWindow -= message.length + 5;
    this.#answered.set(stream, { done, received: null, sawData: false });
    const body = Buffer.allocUnsafe(frameHeaderBytes * 2 + this.#headers.length + 5 + message.length);
    let at = writeFrameHeader(body, 0, this.#headers.length, frameHeaders, flagEndHeaders, stream);
    at += this.#headers.copy(body, at);
    at = writeFrameHeader(body, at, message.length + 5, frameData, flagEndStream, stream);
    body[at] = 0;
    body.writeUInt32BE(message.length, at + 1);
    body.set(message, at + 5);
    this.#send(body);
  }

  /** Opens a stream of messages both ways; `received` gets its body piece by piece, `done` is called once at its end. */
  open(path: string, received: NonNullable<Waiting["received"]>, done: (ok: boolean) => void): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#answered.set(stream, { done, received, sawData: false });
    this.#send(frame(frameHeaders, flagEndHeaders, stream, this.#block(path)));
    return stream;
  }

  /** Sends one message on a stream. Short ones: nobody looks at the windows. */
  send(stream: number, message: Uint8Array, last = false): void {
    const body = Buffer.allocUnsafe(frameHeaderBytes + 5 + message.length);
    const at = writeFrameHeader(body, 0, message.length + 5, frameData, last ? flagEndStream : 0, stream);
    body[at] = 0;
    body.writeUInt32BE(message.length, at + 1);
    body.set(message, at + 5);
    this.#sendWindow -= message.length + 5;
    this.#send(body);
  }

  /** Ends a stream as Go's client does when its caller has enough: the own side, then all of it. */
  cancel(stream: number): void {
    this.#answered.delete(stream);
    const code = Buffer.alloc(4);
    code.writeUInt32BE(errorCancel);
    this.#send(frame(frameData, flagEndStream, stream, Buffer.alloc(0)));
    this.#send(frame(frameReset, 0, stream, code));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Whether the connection has ended. */
  get closed(): boolean {
    return this.#socket.destroyed;
  }

  #block(path: string): Buffer {
    const known = this.#blocks.get(path);
    const block = known ?? headerBlock(path, this.#authority);
    if (known === undefined) {
      this.#blocks.set(path, block);
    }
    return block;
  }

  #send(bytes: Buffer): void {
    this.#outgoing.push(bytes);
    if (!this.#flushQueued) {
      this.#flushQueued = true;
      setImmediate(() => {
        this.#flushQueued = false;
        this.#socket.write(
          this.#outgoing.length === 1 ? (this.#outgoing[0] ?? "") : Buffer.concat(this.#outgoing),
        );
        this.#outgoing = [];
      });
    }
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < frameHeaderBytes + length) {
        break;
      }
      const payload = at + frameHeaderBytes;
      this.#frame(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + 5) & 0x7fffffff,
        bytes,
        payload,
        length,
      );
      at = payload + length;
    }
    this.#pending = bytes.subarray(at);
  }

  #frame(type: number, flags: number, stream: number, bytes: Buffer, at: number, length: number): void {
    if (type === frameData) {
      const call = this.#answered.get(stream);
      if (call !== undefined && length > 0) {
        call.sawData = true;
        call.received?.(bytes, at, at + length);
      }
      this.#receivedBytes += length;
      if (this.#receivedBytes > 2 ** 28) {
        this.#send(windowUpdate(this.#receivedBytes));
        this.#receivedBytes = 0;
      }
    } else if (type === frameWindowUpdate && stream === 0) {
      this.#sendWindow += bytes.readUInt32BE(at) & 0x7fffffff;
      while (this.#blocked.length > 0 && this.#sendWindow >= (this.#blocked[0]?.message.length ?? 0) + 5) {
        const next = this.#blocked.shift();
        if (next !== undefined) {
          this.call(next.message, next.done);
        }
      }
    } else if (type === frameSettings && (flags & flagAck) === 0) {
      this.#send(frame(frameSettings, flagAck, 0, Buffer.alloc(0)));
    } else if (type === framePing && (flags & flagAck) === 0) {
      this.#send(frame(framePing, flagAck, 0, Buffer.from(bytes.subarray(at, at + length))));
    } else if (type === frameGoaway) {
      this.#socket.destroy();
    }
    const ended = (type === frameData || type === frameHeaders) && (flags & flagEndStream) !== 0;
    if (ended || type === frameReset) {
      const call = this.#answered.get(stream);
      this.#answered.delete(stream);
      call?.done(call.sawData && type !== frameReset);
    }
  }

  #failAll(): void {
    const waiting = [...this.#answered.values(), ...this.#blocked];
    this.#answered.clear();
    this.#blocked = [];
    for (const call of waiting) {
      call.done(false);
    }
  }
}

function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  out.writeUIntBE(length, at, 3);
  out[at + 3] = type;
  out[at + 4] = flags;
  return out.writeUInt32BE(stream, at + 5);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const out = Buffer.alloc(frameHeaderBytes + payload.length);
  payload.copy(out, writeFrameHeader(out, 0, payload.length, type, flags, stream));
  return out;
}

function windowUpdate(increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(frameWindowUpdate, 0, 0, payload);
}

/** RFC 7541 literals without indexing, names from the static table where it has them: valid for every call, no state. */
function headerBlock(path: string, authority: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    Buffer.from([0x04]),
    text(path),
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x0f, 0x10]), // content-type, static index 31
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
}
