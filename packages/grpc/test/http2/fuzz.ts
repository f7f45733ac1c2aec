/**
 * Sessions under frames that nobody sane sends: well-formed requests, frames of random kind on random streams, and mutated
 * bytes, in random pieces. Whatever comes, a session goes on or says a proper goodbye, never sends beyond a window it was
 * given, and keeps nothing once its connection is gone.
 */
import assert from "node:assert/strict";
import { Prng } from "@quorate/base";
import type { BidiCall, Method, ServerStreamCall, UnaryCall } from "@quorate/grpc";
import { errorCode, flag, frameType } from "../../src/http2/protocol.ts";
import {
  callFields,
  type Frame,
  frame,
  greeting,
  Harness,
  literals,
  number32,
  settingsAck,
} from "./harness.ts";

const framesPerSession = 100;

/** An integer in `[low, high]`. */
function between(random: Prng, low: number, high: number): number {
  return random.integer(low, high + 1);
}

/** What one fuzzed session came to. */
interface FuzzOutcome {
  readonly frames: number;
  readonly goaway: number;
  readonly answers: number;
}

/** Handlers that answer now, later, or never, and pause as they like. */
class Handlers {
  readonly #random: Prng;
  readonly #later: (() => void)[] = [];

  constructor(random: Prng) {
    this.#random = random;
  }

  methods(): Readonly<Record<string, Method>> {
    return {
      "/fuzz.F/Unary": { kind: "unary", handle: (request, call) => this.#unary(request, call) },
      "/fuzz.F/Stream": { kind: "server-stream", handle: (_request, call) => this.#stream(call) },
      "/fuzz.F/Bidi": { kind: "bidi", handle: (call) => this.#bidi(call) },
    };
  }

  /** Does a few of the things that were put off. */
  work(): void {
    while (this.#later.length > 0 && this.#random.chance(0.6)) {
      this.#later.splice(between(this.#random, 0, this.#later.length - 1), 1)[0]?.();
    }
  }

  #unary(request: Uint8Array, call: UnaryCall): void {
    const answer = (): void => {
      const roll = this.#random.fraction();
      if (roll < 0.1) {
        call.fail(5, "not found", { "x-why": "fuzz" });
      } else if (roll < 0.2) {
        call.respond(new Uint8Array(between(this.#random, 0, 200_000)));
      } else {
        call.respond(request);
      }
    };
    if (this.#random.chance(0.5)) {
      answer();
    } else {
      this.#later.push(answer);
    }
  }

  #stream(call: ServerStreamCall): void {
    let left = between(this.#random, 0, 20);
    const pump = (): void => {
      while (left > 0) {
        left--;
        if (!call.write(new Uint8Array(between(this.#random, 0, 40_000)))) {
          return;
        }
      }
      call.end();
    };
    call.onDrain(pump);
    pump();
  }

  #bidi(call: BidiCall): void {
    call.onMessage((message) => {
      call.write(message);
      if (this.#random.chance(0.2)) {
        call.pause();
        this.#later.push(() => call.resume());
      }
      if (this.#random.chance(0.02)) {
        throw new Error("a handler's bug");
      }
    });
    call.onEnd(() => call.end());
  }
}

/** The client's view of the windows it gave, RFC 9113 §6.9. Settings count from their acknowledgement on. */
class Windows {
  #initial = 65_535;
  #connection = 65_535;
  readonly #settings: number[] = [];
  /** By stream: what was given by WINDOW_UPDATE, less what was sent. */
  readonly #given = new Map<number, number>();
  /** Whether all that was sent is known here. */
  exact = true;

  set(initial: number): void {
    this.#settings.push(initial);
  }

  give(id: number, bytes: number): void {
    if (id === 0) {
      this.#connection += bytes;
    } else {
      this.#given.set(id, (this.#given.get(id) ?? 0) + bytes);
    }
  }

  take(one: Frame): void {
    if (one.type === frameType.settings && one.flags === flag.ack) {
      this.#initial = this.#settings.shift() ?? this.#initial;
    } else if (one.type === frameType.data && one.payload.length > 0 && this.exact) {
      this.give(0, -one.payload.length);
      this.give(one.streamId, -one.payload.length);
      const left = this.#initial + (this.#given.get(one.streamId) ?? 0);
      assert.ok(this.#connection >= 0, "DATA beyond the connection's window");
      assert.ok(left >= 0, "DATA beyond the stream's window");
    }
  }
}

class Client {
  readonly #random: Prng;
  readonly windows = new Windows();
  #nextId = 1;
  /** Streams whose side the client has not ended. */
  readonly #open: number[] = [];

  constructor(random: Prng) {
    this.#random = random;
  }

  /** The next thing to send, one or more frames. */
  next(): Buffer[] {
    const kind = between(this.#random, 0, 11);
    if (kind <= 4) {
      return this.#request();
    }
    if (kind === 5) {
      return this.#open.length > 0 ? [this.#data(this.#random.pick(this.#open))] : this.#request();
    }
    if (kind === 6) {
      return [this.#windowUpdate()];
    }
    if (kind === 7) {
      return [this.#settings()];
    }
    if (kind === 8) {
      const id = this.#usedId();
      this.#open.splice(this.#open.indexOf(id), this.#open.includes(id) ? 1 : 0);
      return [frame(frameType.rstStream, 0, id, number32(between(this.#random, 0, 13)))];
    }
    if (kind === 9) {
      return [frame(frameType.ping, 0, 0, new Uint8Array(8))];
    }
    return this.#random.chance(0.1) ? [this.#anything()] : this.#request();
  }

  #usedId(): number {
    return Math.max(1, this.#nextId - 2 * between(this.#random, 1, 6));
  }

  #anyId(): number {
    return this.#random.chance(0.9) ? this.#usedId() : between(this.#random, 0, 50);
  }

  #request(): Buffer[] {
    const id = this.#nextId;
    this.#nextId += 2;
    const path = this.#random.pick(["Unary", "Unary", "Stream", "Bidi", "Nothing"]);
    const fields = callFields(`/fuzz.F/${path}`);
    const roll = between(this.#random, 0, 9);
    if (roll === 0) {
      fields[3] = ["content-type", "text/plain"];
    } else if (roll === 1) {
      fields.push(
        this.#random.pick([
          ["Upper", "x"],
          ["te", "gzip"],
          ["content-length", "3"],
          ["", ""],
        ] as const),
      );
    } else if (roll === 2) {
      fields.push(["x-large", "y".repeat(between(this.#random, 0, 30_000))]);
    }
    const block = literals(fields);
    const whole = block.length <= 16_384 && this.#random.chance(0.8);
    const cut = whole ? block.length : between(this.#random, 0, Math.min(block.length, 16_384));
    const frames = [frame(frameType.headers, whole ? flag.endHeaders : 0, id, block.subarray(0, cut))];
    for (let at = cut; at < block.length; at += 16_384) {
      const to = Math.min(block.length, at + 16_384);
      const last = to === block.length ? flag.endHeaders : 0;
      frames.push(frame(frameType.continuation, last, id, block.subarray(at, to)));
    }
    if (!whole && cut === block.length) {
      frames.push(frame(frameType.continuation, flag.endHeaders, id));
    }
    this.#open.push(id);
    for (let count = between(this.#random, 0, 3); count > 0 && this.#open.includes(id); count--) {
      frames.push(this.#data(id));
    }
    return frames;
  }

  #data(id: number): Buffer {
    const bytes = between(this.#random, 0, this.#random.chance(0.05) ? 16_000 : 300);
    const message = Buffer.alloc(5 + bytes);
    message.writeUInt32BE(this.#random.chance(0.9) ? bytes : between(this.#random, 0, 5000), 1);
    const end = this.#random.chance(0.6) ? flag.endStream : 0;
    if (end !== 0 && this.#random.chance(0.98)) {
      this.#open.splice(this.#open.indexOf(id), 1);
    }
    if (this.#random.chance(0.1)) {
      const padding = between(this.#random, 0, 255);
      const padded = Buffer.concat([Buffer.from([padding]), message, Buffer.alloc(padding)]);
      return frame(frameType.data, end | flag.padded, id, padded);
    }
    return frame(frameType.data, end, id, this.#random.chance(0.1) ? message.subarray(0, 3) : message);
  }

  #windowUpdate(): Buffer {
    const increment = between(this.#random, 1, 100_000);
    if (this.#random.chance(0.5)) {
      this.windows.give(0, increment);
      return frame(frameType.windowUpdate, 0, 0, number32(increment));
    }
    const id = this.#usedId();
    this.windows.give(id, increment);
    return frame(frameType.windowUpdate, 0, id, number32(increment));
  }

  #settings(): Buffer {
    const initial = between(this.#random, 0, 100_000);
    const table = between(this.#random, 0, 8192);
    this.windows.set(initial);
    const payload = Buffer.concat([
      Buffer.from([0, 4]),
      number32(initial),
      Buffer.from([0, 1]),
      number32(table),
    ]);
    return frame(frameType.settings, 0, 0, payload);
  }

  /** A frame that makes no sense. */
  #anything(): Buffer {
    const payload = Buffer.from(
      Array.from({ length: between(this.#random, 0, 30) }, () => between(this.#random, 0, 255)),
    );
    const type = between(this.#random, 0, 12);
    // By chance such a frame may open a window.
    this.windows.exact &&= type !== frameType.settings && type !== frameType.windowUpdate;
    return frame(type, between(this.#random, 0, 255), this.#anyId(), payload);
  }
}

function mutate(bytes: Buffer, random: Prng): Buffer {
  const mutated = Buffer.from(bytes);
  for (let count = between(random, 1, 4); count > 0 && mutated.length > 0; count--) {
    mutated[between(random, 0, mutated.length - 1)] = between(random, 0, 255);
  }
  return random.chance(0.2) ? mutated.subarray(0, between(random, 0, mutated.length)) : mutated;
}

/** One session from its greeting to its end. Equal seeds do equal things. */
function fuzzSession(seed: number): FuzzOutcome {
  const random = new Prng(seed);
  const handlers = new Handlers(random.stream("handlers"));
  const floodLimits = { resetsPerSecondMax: 100_000, controlFramesPerSecondMax: 100_000 };
  const harness = new Harness(handlers.methods(), random.chance(0.8) ? floodLimits : {});
  const client = new Client(random.stream("client"));
  const mutates = random.chance(0.5);
  harness.send(greeting, settingsAck);
  client.windows.set(65_535);
  let frames = 0;
  let answers = 0;
  let goaway = -1;
  const look = (): void => {
    for (const one of harness.frames()) {
      assert.ok(goaway < 0, "a frame behind the last GOAWAY");
      if (!mutates) {
        client.windows.take(one);
      }
      if (one.type === frameType.headers) {
        harness.fields(one);
        answers++;
      } else if (one.type === frameType.goaway) {
        goaway = one.payload.readUInt32BE(4);
        assert.ok(
          Object.values<number>(errorCode).includes(goaway),
          "a GOAWAY with a code that does not exist",
        );
      }
    }
  };
  while (frames < framesPerSession && goaway < 0 && !harness.socket.destroyed) {
    const parts = client.next();
    frames += parts.length;
    const bytes = Buffer.concat(parts);
    const sent = mutates && random.chance(0.1) ? mutate(bytes, random) : bytes;
    const cut = random.chance(0.3) ? between(random, 0, sent.length) : sent.length;
    harness.send(sent.subarray(0, cut));
    handlers.work();
    harness.send(sent.subarray(cut));
    look();
  }
  assert.ok(goaway < 0 || !harness.socket.writable, "a GOAWAY for an error ends the connection");
  harness.close();
  assert.equal(harness.session.streamCount, 0, "a stream outlived its connection");
  assert.equal(harness.host.callCount, 0, "a call outlived its connection");
  assert.equal(harness.session.sender.queuedBytes, 0, "bytes wait for a connection that is gone");
  handlers.work();
  return { frames, goaway, answers };
}

/** Totals of a run. */
interface FuzzTotals {
  sessions: number;
  frames: number;
  answers: number;
  /** Sessions by the code of their GOAWAY, -1 for none. */
  readonly endings: Map<number, number>;
}

/** Runs sessions from `seed` on until `framesMin` frames were sent. */
export async function fuzz(seed: number, framesMin: number): Promise<FuzzTotals> {
  const totals: FuzzTotals = { sessions: 0, frames: 0, answers: 0, endings: new Map() };
  while (totals.frames < framesMin) {
    const session = seed + totals.sessions++;
    try {
      const outcome = fuzzSession(session);
      totals.frames += outcome.frames;
      totals.answers += outcome.answers;
      totals.endings.set(outcome.goaway, (totals.endings.get(outcome.goaway) ?? 0) + 1);
    } catch (error) {
      throw new Error(`fuzzed session of seed ${session}`, { cause: error });
    }
    if (totals.sessions % 100 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return totals;
}
