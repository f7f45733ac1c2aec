/**
 * RFC 9113 §5.2, §6.9: how much may be sent, and how much the peer was allowed to send, on a stream and on the connection.
 * Sessions and streams carry the numbers themselves; here stand the rules.
 */
import { assert } from "@quorate/base";
import { windowBytesMax } from "./protocol.ts";

/** Flow-control window of each stream: room for one request of the usual limit. */
export const streamWindowBytes: number = 1024 * 1024;

/** Flow-control window of each connection. */
export const connectionWindowBytes: number = 4 * 1024 * 1024;

/** A window that the peer opens for us. Below zero after the peer made it smaller, §6.9.2. */
export interface SendWindow {
  sendWindowBytes: number;
}

/** A window that we open for the peer. */
export interface ReceiveWindow {
  /** What the peer may still send. */
  receiveWindowBytes: number;
  /** What was received and used, but not told to the peer yet. */
  receiveCreditBytes: number;
}

/** Adds to a send window; false when it would go beyond what a window may be, §6.9.1. */
export function openSendWindow(window: SendWindow, bytes: number): boolean {
  if (window.sendWindowBytes + bytes > windowBytesMax) {
    return false;
  }
  window.sendWindowBytes += bytes;
  return true;
}

/** Takes what is sent out of a window. */
export function useSendWindow(window: SendWindow, bytes: number): void {
  assert(
    bytes >= 0 && (bytes === 0 || bytes <= window.sendWindowBytes),
    "flow control: sent beyond the window",
  );
  window.sendWindowBytes -= bytes;
}

/** Takes what came out of a window; false when the peer sent more than it was allowed to. */
export function useReceiveWindow(window: ReceiveWindow, bytes: number): boolean {
  window.receiveWindowBytes -= bytes;
  return window.receiveWindowBytes >= 0;
}

/**
 * Notes that received bytes were used. Returns the increment to announce now, or 0 while it is not worth a frame: at half of
 * the window the peer never has to wait, and a unary call never causes a frame.
 */
export function returnCredit(window: ReceiveWindow, bytes: number, windowBytes: number): number {
  window.receiveCreditBytes += bytes;
  if (window.receiveCreditBytes * 2 < windowBytes) {
    return 0;
  }
  const increment = window.receiveCreditBytes;
  window.receiveCreditBytes = 0;
  window.receiveWindowBytes += increment;
  assert(window.receiveWindowBytes <= windowBytes, "flow control: window wider than announced");
  return increment;
}
