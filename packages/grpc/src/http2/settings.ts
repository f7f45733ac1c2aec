/** RFC 9113 §6.5: SETTINGS in both directions. */
import { assert } from "@quorate/base";
import type { ServerLimits } from "../types.ts";
import { streamWindowBytes } from "./flow-control.ts";
import {
  ConnectionError,
  errorCode,
  frameBytesDefault,
  headerTableBytesDefault,
  setting,
  windowBytesDefault,
  windowBytesMax,
} from "./protocol.ts";

const settingBytes = 6;
const frameBytesMax = 2 ** 24 - 1;

/** What the client wants, as far as a server that never pushes cares. */
export class PeerSettings {
  headerTableBytes: number = headerTableBytesDefault;
  initialWindowBytes: number = windowBytesDefault;
  frameBytesMax: number = frameBytesDefault;

  /** Takes over the payload of a SETTINGS frame. @throws ConnectionError, §6.5.2. */
  apply(bytes: Buffer, start: number, end: number): void {
    if ((end - start) % settingBytes !== 0) {
      throw new ConnectionError(errorCode.frameSizeError, "SETTINGS of no whole number of settings");
    }
    for (let at = start; at < end; at += settingBytes) {
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        this.headerTableBytes = value;
        return;
      case setting.enablePush:
        if (value > 1) {
          throw new ConnectionError(errorCode.protocolError, "SETTINGS_ENABLE_PUSH is 0 or 1");
        }
        return;
      case setting.initialWindowSize:
        if (value > windowBytesMax) {
          throw new ConnectionError(errorCode.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE too large");
        }
        this.initialWindowBytes = value;
        return;
      case setting.maxFrameSize:
        if (value < frameBytesDefault || value > frameBytesMax) {
          throw new ConnectionError(errorCode.protocolError, "SETTINGS_MAX_FRAME_SIZE out of range");
        }
        this.frameBytesMax = value;
    }
  }
}

/** The payload of the server's own SETTINGS. What stays at its default is not said. */
export function encodeSettings(limits: ServerLimits): Buffer {
  const values: readonly (readonly [number, number])[] = [
    [setting.maxConcurrentStreams, limits.concurrentStreamsMax],
    [setting.initialWindowSize, streamWindowBytes],
    [setting.maxHeaderListSize, limits.headerListBytesMax],
  ];
  const payload = Buffer.alloc(values.length * settingBytes);
  let at = 0;
  for (const [id, value] of values) {
    assert(value >= 0 && value < 2 ** 32, "settings: four bytes each");
    at = payload.writeUInt32BE(value, payload.writeUInt16BE(id, at));
  }
  return payload;
}
