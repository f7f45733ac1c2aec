/** The numbers of RFC 9113 and how its two kinds of errors travel from where they are found to where they are answered. */

/** Frame types, §6. Others are ignored, §5.5. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; which of them a type knows stands with each type in §6. */
export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Error codes, §7. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** One of {@link errorCode}. */
export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** Settings, §6.5.2. */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Bytes before each frame's payload, §4.1. */
export const frameHeaderBytes = 9;

/** What a PING carries, §6.7. */
export const pingBytes = 8;

/** The payload that every endpoint takes, and the one this server takes, §4.2. */
export const frameBytesDefault = 16_384;

/** §6.9.2: windows before anybody says otherwise. */
export const windowBytesDefault = 65_535;

/** §6.9.1: no window grows beyond it; also the largest stream identifier, §5.1.1. */
export const windowBytesMax: number = 2 ** 31 - 1;

/** RFC 7541 §4.2 by way of §6.5.2: the dynamic table both sides begin with. */
export const headerTableBytesDefault = 4096;

/** What a client says first, §3.4. */
export const connectionPreface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** §5.4.1: the peer broke a rule that makes the whole connection unusable. Caught by its session, answered by GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
