/** A session without a network: bytes in by hand, frames out to look at. */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Method, ServerEvent, ServerLimits } from "@quorate/grpc";
import { Deadlines } from "../../src/deadlines.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { BufferPool } from "../../src/http2/outbox.ts";
import { connectionPreface, flag, frameHeaderBytes, frameType } from "../../src/http2/protocol.ts";
import { Session } from "../../src/http2/session.ts";
import { Turn } from "../../src/http2/turn.ts";
import { withDefaults } from "../../src/limits.ts";
import type { SessionHost } from "../../src/session-host.ts";
import { SharedBytes } from "../../src/shared-bytes.ts";

/** What a session sees of a socket. `stuck` plays a client that does not read. */
class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  writable = true;
  stuck = false;
  writableLength = 0;
  writableNeedDrain = false;
  bytesRead = 0;
  paused = false;
  destroyed = false;

  write(bytes: Buffer): boolean {
    // Copied, as the system does: the session uses its buffer again.
    this.written.push(Buffer.from(bytes));
    this.writableLength += this.stuck ? bytes.length : 0;
    this.writableNeedDrain = this.writableLength > 65_536;
    return !this.writableNeedDrain;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.writable = false;
  }

  destroy(): void {
    if (!this.destroyed) {
      this.writable = false;
      this.destroyed = true;
      this.emit("close");
    }
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A whole frame as bytes. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = noBytes): Buffer {
  const out = Buffer.alloc(frameHeaderBytes + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(streamId, 5);
  out.set(payload, frameHeaderBytes);
  return out;
}

const noBytes = new Uint8Array(0);

export function number32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
}

/** RFC 7541 literals without indexing. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "latin1");
    if (bytes.length < 127) {
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    }
    const rest = bytes.length - 127;
    const length = [127];
    let left = rest;
    while (left >= 128) {
      length.push((left & 127) | 128);
      left >>= 7;
    }
    return Buffer.concat([Buffer.from([...length, left]), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const callFields = (path: string): (readonly [string, string])[] => [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

export const greeting: Buffer = Buffer.concat([connectionPreface, frame(frameType.settings, 0, 0)]);
export const settingsAck: Buffer = frame(frameType.settings, flag.ack, 0);

/** One session on a fake socket. */
export class Harness {
  readonly socket = new FakeSocket();
  readonly events: ServerEvent[] = [];
  readonly host: SessionHost;
  readonly session: Session;
  readonly #decoder = new HpackDecoder(1 << 20);

  constructor(methods: Readonly<Record<string, Method>>, limits: Partial<ServerLimits> = {}) {
    const paths = Object.entries(methods);
    this.host = {
      limits: withDefaults(limits),
      deadlines: new Deadlines(),
      methods: new Map(paths),
      services: new Set(paths.map(([path]) => path.slice(1, path.lastIndexOf("/")))),
      onHttp: (exchange) =>
        exchange.readBody(1 << 16, (body) =>
          exchange.respond(body === null ? 413 : 200, {}, "x".repeat(100) + (body?.length ?? 0)),
        ),
      onEvent: (event) => this.events.push(event),
      unread: new SharedBytes(withDefaults(limits).unreadBytesMax),
      unfinished: new SharedBytes(withDefaults(limits).unfinishedBytesMax),
      callCount: 0,
    };
    const tools = { pool: new BufferPool(), turn: new Turn() };
    this.session = new Session(this.socket as unknown as Socket, this.host, tools, {
      peer: "127.0.0.1:1",
      secure: false,
      commonName: null,
    });
  }

  /** The client's bytes. */
  send(...parts: readonly Uint8Array[]): void {
    const chunk = Buffer.concat(parts);
    this.socket.bytesRead += chunk.length;
    this.socket.emit("data", chunk);
  }

  /** The server's frames since the last look. */
  frames(): Frame[] {
    this.session.flush();
    const bytes = Buffer.concat(this.socket.written.splice(0));
    const frames: Frame[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      const payload = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length);
      if (payload.length < length) {
        throw new Error("the server wrote half a frame");
      }
      const streamId = bytes.readUInt32BE(at + 5);
      frames.push({ type: bytes[at + 3] ?? -1, flags: bytes[at + 4] ?? -1, streamId, payload });
      at += frameHeaderBytes + length;
    }
    return frames;
  }

  /** The fields of a header block of the server; blocks have to be read in their order. */
  fields(one: Frame): Record<string, string> {
    const fields = this.#decoder.decode(one.payload, 0, one.payload.length);
    return Object.fromEntries(fields.map((field) => [field.name, field.value]));
  }

  /** The client's end of the connection. */
  close(): void {
    this.socket.destroy();
  }
}

/** The error code of the one GOAWAY among `frames`, or -1. */
export function goawayCode(frames: readonly Frame[]): number {
  return frames.find((one) => one.type === frameType.goaway)?.payload.readUInt32BE(4) ?? -1;
}

/** The error code of the RST_STREAM of a stream among `frames`, or -1. */
export function resetCode(frames: readonly Frame[], streamId: number): number {
  const found = frames.find((one) => one.type === frameType.rstStream && one.streamId === streamId);
  return found?.payload.readUInt32BE(0) ?? -1;
}
