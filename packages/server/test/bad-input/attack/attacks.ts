/** What is sent to a port by somebody who means harm. */
import { create, KV, toBinary, Watch } from "@quorate/etcd/messages";
import { pathOf } from "../../crash/members.ts";
import {
  callBlock,
  flag,
  frame,
  frameType,
  greeting,
  grpcMessage,
  initialWindowSize,
  literals,
  number32,
  setting,
  settingsAck,
  wholeCall,
} from "./frames.ts";

/** How each connection of an attack behaves; a connection that is thrown out comes back. */
export interface Attack {
  readonly name: string;
  readonly connections: number;
  /** Sent when the connection stands. */
  readonly first: Uint8Array;
  /** What is sent next, the `n`th time on this connection; null when there is nothing more, and the connection only stays. */
  readonly next: (n: number) => Uint8Array | null;
  /** Whether it reads what the server says. */
  readonly reads: boolean;
  /** Milliseconds between two pieces; as fast as they go without it. */
  readonly everyMs?: number;
}

const text = (value: string): Uint8Array => Buffer.from(value);
const rangePath = pathOf(KV.method.range);
const watchPath = pathOf(Watch.method.watch);
const allBig = toBinary(
  KV.method.range.input,
  create(KV.method.range.input, { key: text("big/"), rangeEnd: text("big0") }),
);
const watchAll = toBinary(
  Watch.method.watch.input,
  create(Watch.method.watch.input, {
    requestUnion: { case: "createRequest", value: { key: text("\0"), rangeEnd: text("\0") } },
  }),
);

const polite = Buffer.concat([greeting, settingsAck]);
const closedWindow = Buffer.concat([polite, frame(frameType.settings, 0, 0, setting(initialWindowSize, 0))]);
const openWindow = Buffer.concat([
  polite,
  frame(frameType.settings, 0, 0, setting(initialWindowSize, 2 ** 31 - 1)),
  frame(frameType.windowUpdate, 0, 0, number32(2 ** 31 - 65_536)),
]);
const usual = callBlock(rangePath);
const headers = (id: number, block: Buffer = usual): Buffer =>
  frame(frameType.headers, flag.endHeaders, id, block);
const times = (count: number, part: (i: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => part(i)));
const nothing = new Uint8Array(0);
const longHead = callBlock(rangePath, [["x", "y".repeat(15_000)]]);
const continuation = frame(frameType.continuation, 0, 1, new Uint8Array(16_000));
const settings = times(100, () => frame(frameType.settings, 0, 0, setting(initialWindowSize, 65_535)));
const pings = times(100, () => frame(frameType.ping, 0, 0, new Uint8Array(8)));
const part = frame(frameType.data, 0, 1, new Uint8Array(16_000));
/** RFC 7541 §6.2.1: one field of 3,968 bytes into the table; §6.1: thousands of references to it. */
const bombField = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), Buffer.alloc(3968, "b")]);
const bomb = Buffer.alloc(16_000, 0xbe);
const jsonHead = literals([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/v3/kv/put"],
]);

function dataOf(streamId: number, bytes: Uint8Array = part): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(streamId, 5);
  return copy;
}

/** All of them, by the names of their tests. */
export const attacks: readonly Attack[] = [
  {
    name: "rapid reset",
    connections: 8,
    first: polite,
    reads: true,
    next: (n) =>
      times(50, (i) => {
        const id = 2 * (50 * n + i) + 1;
        return Buffer.concat([headers(id), frame(frameType.rstStream, 0, id, number32(8))]);
      }),
  },
  {
    name: "CONTINUATION without end",
    connections: 8,
    first: Buffer.concat([polite, frame(frameType.headers, 0, 1, usual)]),
    reads: true,
    next: () => continuation,
  },
  {
    name: "SETTINGS without end, nothing read",
    connections: 8,
    first: polite,
    reads: false,
    next: () => settings,
  },
  { name: "PING without end, nothing read", connections: 8, first: polite, reads: false, next: () => pings },
  {
    name: "an HPACK bomb",
    connections: 8,
    first: Buffer.concat([polite, headers(1, Buffer.concat([usual, bombField]))]),
    reads: true,
    next: (n) => headers(2 * n + 3, Buffer.concat([usual, bomb])),
  },
  {
    name: "long headers on streams that never end",
    connections: 8,
    first: polite,
    reads: true,
    next: (n) => headers(2 * n + 1, longHead),
  },
  {
    name: "thousands of streams that never end",
    connections: 8,
    first: polite,
    reads: true,
    next: (n) => (n < 20 ? times(50, (i) => headers(2 * (50 * n + i) + 1)) : null),
  },
  {
    name: "thousands of requests that never end",
    connections: 16,
    first: polite,
    reads: true,
    next: (n) => {
      const id = 2 * n + 1;
      const begun = frame(frameType.data, 0, id, grpcMessage(new Uint8Array(16_000), 1_000_000));
      return n < 1000 ? Buffer.concat([headers(id), begun, dataOf(id), dataOf(id), dataOf(id)]) : null;
    },
  },
  {
    name: "thousands of JSON bodies that never end",
    connections: 16,
    first: polite,
    reads: true,
    next: (n) => {
      const id = 2 * n + 1;
      return n < 1000 ? Buffer.concat([headers(id, jsonHead), dataOf(id), dataOf(id), dataOf(id)]) : null;
    },
  },
  {
    name: "a closed window: thousands of large ranges",
    connections: 8,
    first: closedWindow,
    reads: true,
    next: (n) => (n < 1000 ? wholeCall(rangePath, 2 * n + 1, allBig) : null),
  },
  {
    name: "a socket that is not read: thousands of large ranges",
    connections: 8,
    first: openWindow,
    reads: false,
    next: (n) => (n < 1000 ? wholeCall(rangePath, 2 * n + 1, allBig) : null),
  },
  {
    name: "a closed window: watches of everything",
    connections: 8,
    first: closedWindow,
    reads: true,
    next: (n) =>
      n < 100
        ? Buffer.concat([
            headers(2 * n + 1, callBlock(watchPath)),
            frame(frameType.data, 0, 2 * n + 1, grpcMessage(watchAll)),
          ])
        : null,
  },
  { name: "connections that say nothing", connections: 1500, first: nothing, reads: true, next: () => null },
  {
    name: "a byte now and then: half a preface",
    connections: 300,
    first: greeting.subarray(0, 10),
    reads: true,
    everyMs: 100,
    next: (n) => (n < 10 ? greeting.subarray(10 + n, 11 + n) : null),
  },
  {
    name: "a byte now and then: half a head of HTTP/1.1",
    connections: 300,
    first: text("GET /health HTTP/1.1\r\nhost: x"),
    reads: true,
    everyMs: 100,
    next: () => text("x"),
  },
];
