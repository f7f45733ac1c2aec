/** HTTP/2 as bytes, RFC 9113, for clients that keep no rule of it. */

/** Types of frames, §6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

const headerBytes = 9;

/** Flags of frames. */
export const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

const noBytes = new Uint8Array(0);

/** One frame. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = noBytes): Buffer {
  const bytes = Buffer.alloc(headerBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** A number of four bytes. */
export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** §6.5.1: one setting, as the payload of SETTINGS. */
export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([id >>> 8, id & 255]), number32(value)]);
}

/** SETTINGS_INITIAL_WINDOW_SIZE. */
export const initialWindowSize = 4;

/** The preface, and settings that change nothing. */
export const greeting: Buffer = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(frameType.settings, 0, 0),
]);

/** What is owed for the server's settings. */
export const settingsAck: Buffer = frame(frameType.settings, flag.ack, 0);

/** RFC 7541 §6.2.2: fields without indexing, names and values as they are. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([prefixed(bytes.length), bytes]);
}

/** RFC 7541 §5.1: an integer behind one bit. */
function prefixed(value: number): Buffer {
  if (value < 127) {
    return Buffer.from([value]);
  }
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>>= 7) {
    bytes.push((rest & 127) | 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** The header block of a gRPC call. */
export function callBlock(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return literals([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "attack"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ]);
}

/** A gRPC message that announces `announcedBytes`. */
export function grpcMessage(body: Uint8Array, announcedBytes: number = body.length): Buffer {
  return Buffer.concat([Buffer.from([0]), number32(announcedBytes), body]);
}

/** HEADERS and DATA of a whole unary call. */
export function wholeCall(path: string, streamId: number, body: Uint8Array): Buffer {
  return Buffer.concat([
    frame(frameType.headers, flag.endHeaders, streamId, callBlock(path)),
    frame(frameType.data, flag.endStream, streamId, grpcMessage(body)),
  ]);
}
