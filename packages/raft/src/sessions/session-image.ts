/**
 * The sessions in a snapshot, in front of the application's image: a header, one frame for each session and one for each saved
 * answer, an end with the checksum of all of it. RAFT §6.3. Written and read in slices. A stored format with golden bytes.
 */
import { assert, ByteReader, ByteWriter, concatBytes, crc32c, DecodeError, emptyBytes } from "@quorate/base";
import { toLogIndex } from "../types/ids.ts";
import { readSessionLimits, type SessionLimits, sessionLimitsDefault, writeSessionLimits } from "./limits.ts";
import type { SessionId } from "./session-command.ts";
import type { SavedAnswer, Session, SessionPin } from "./session-table.ts";

const magic = 0x5353_5251; // "QRSS"
const version = 1;

/** Frames: a length of four bytes, then a kind and the rest. */
const frameKind = { header: 0, session: 1, answer: 2, lostAnswer: 3, end: 4 } as const;

const frameLengthBytes = 4;

/** Longest frame: an answer has at most 16 MiB. */
const frameBytesMax: number = 16 * 1024 * 1024 + 64;

/** Writes a pinned table, a slice at a time. */
export class SessionImageWriter {
  readonly #frames: Generator<Uint8Array, void, void>;
  readonly #writer = new ByteWriter(64);
  #crc = 0;
  #done = false;

  constructor(pin: SessionPin) {
    this.#frames = framesOf(pin);
  }

  /** The next chunk of about `bytesMax`, or null at the end. */
  read(bytesMax: number): Uint8Array | null {
    assert(bytesMax > 0, "sessions: empty slice");
    const writer = this.#writer;
    writer.reset();
    while (!this.#done && writer.length < bytesMax) {
      const next = this.#frames.next();
      if (next.done === true) {
        this.#done = true;
        writeFrame(writer, endFrame(this.#crc));
      } else {
        this.#crc = crc32c(next.value, this.#crc);
        writeFrame(writer, next.value);
      }
    }
    return writer.length === 0 ? null : writer.finish();
  }
}

function writeFrame(writer: ByteWriter, frame: Uint8Array): void {
  assert(frame.length <= frameBytesMax, "sessions: frame too long");
  writer.u32(frame.length);
  writer.bytes(frame);
}

function* framesOf({ limits, sessions }: SessionPin): Generator<Uint8Array, void, void> {
  const header = new ByteWriter(64);
  header.u8(frameKind.header);
  header.u32(magic);
  header.u8(version);
  writeSessionLimits(header, limits);
  header.varint(sessions.length);
  yield header.finish();
  for (const { answers, id, lowestPending } of sessions) {
    const frame = new ByteWriter(32);
    frame.u8(frameKind.session);
    frame.varint(id);
    frame.varint(lowestPending);
    frame.varint(answers.size);
    yield frame.finish();
    for (const [sequence, answer] of answers) {
      yield answerFrame(sequence, answer);
    }
  }
}

function answerFrame(sequence: number, answer: SavedAnswer): Uint8Array {
  const writer = new ByteWriter(16 + (answer?.length ?? 0));
  writer.u8(answer === null ? frameKind.lostAnswer : frameKind.answer);
  writer.varint(sequence);
  writer.bytes(answer ?? emptyBytes);
  return writer.finish();
}

function endFrame(crc: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u8(frameKind.end);
  writer.u32(crc);
  return writer.finish();
}

/** Reads what {@link SessionImageWriter} wrote, however it is sliced; what follows the end is the application's. */
export class SessionImageReader {
  readonly #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #wantedBytes = frameLengthBytes;
  #limits: SessionLimits = sessionLimitsDefault;
  #sessionCount = -1;
  #answersMissing = 0;
  readonly #sessions: Session[] = [];
  readonly #ids: Set<SessionId> = new Set();
  #crc = 0;
  #done = false;

  /** Whether the table is whole. */
  get done(): boolean {
    return this.#done;
  }

  /** Takes the next bytes; returns those behind the end of the table. @throws DecodeError when they are no table. */
  write(chunk: Uint8Array): Uint8Array {
    assert(!this.#done, "sessions: bytes behind the end");
    // The caller's chunk may be a view that does not outlive this call.
    this.#pending.push(chunk.slice());
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#wantedBytes) {
      return emptyBytes;
    }
    const bytes = concatBytes(this.#pending.splice(0));
    const rest = this.#readFrames(bytes);
    this.#pendingBytes = rest.length;
    if (this.#done) {
      return rest;
    }
    this.#pending.push(rest);
    return emptyBytes;
  }

  /** Reads the whole frames; returns what is left. */
  #readFrames(bytes: Uint8Array): Uint8Array {
    let offset = 0;
    this.#wantedBytes = frameLengthBytes;
    while (!this.#done && bytes.length - offset >= frameLengthBytes) {
      const length = new ByteReader(bytes, offset).u32();
      if (length === 0 || length > frameBytesMax) {
        throw new DecodeError("sessions: length of a frame", offset);
      }
      const end = offset + frameLengthBytes + length;
      if (end > bytes.length) {
        // PERF: a long answer is put together once, not with each chunk.
        this.#wantedBytes = frameLengthBytes + length;
        break;
      }
      this.#frame(bytes.subarray(offset + frameLengthBytes, end));
      offset = end;
    }
    return bytes.subarray(offset);
  }

  /** The table. @throws DecodeError when its end never came. */
  finish(): SessionPin {
    if (!this.#done) {
      throw new DecodeError("sessions: the image ends within its sessions", 0);
    }
    return { limits: this.#limits, sessions: this.#sessions };
  }

  #frame(frame: Uint8Array): void {
    const reader = new ByteReader(frame);
    const kind = reader.u8();
    if ((kind === frameKind.header) !== this.#sessionCount < 0) {
      throw new DecodeError("sessions: the image does not begin with its sessions", 0);
    }
    if (kind === frameKind.end) {
      this.#end(reader);
      return;
    }
    this.#crc = crc32c(frame, this.#crc);
    if (kind === frameKind.header) {
      this.#header(reader);
    } else if (kind === frameKind.session) {
      this.#session(reader);
    } else if (kind === frameKind.answer || kind === frameKind.lostAnswer) {
      this.#answer(reader, kind === frameKind.lostAnswer);
    } else {
      throw new DecodeError("sessions: unknown frame", 0);
    }
    reader.end();
  }

  #header(reader: ByteReader): void {
    if (reader.u32() !== magic) {
      throw new DecodeError("sessions: the image does not begin with its sessions", 1);
    }
    if (reader.u8() !== version) {
      throw new DecodeError("sessions: unknown version", 5);
    }
    this.#limits = readSessionLimits(reader);
    this.#sessionCount = reader.varint();
  }

  #session(reader: ByteReader): void {
    const id = toLogIndex(reader.varint());
    const lowestPending = reader.varint();
    if (this.#answersMissing !== 0 || this.#ids.has(id) || this.#sessions.length >= this.#sessionCount) {
      throw new DecodeError("sessions: a session out of place", reader.offset);
    }
    this.#answersMissing = reader.varint();
    this.#ids.add(id);
    this.#sessions.push({ id, lowestPending, answers: new Map(), bytes: 0, pinEpoch: 0 });
  }

  #answer(reader: ByteReader, isLost: boolean): void {
    const session = this.#sessions.at(-1);
    const sequence = reader.varint();
    const answer = reader.bytes(reader.remaining).slice();
    if (session === undefined || this.#answersMissing === 0 || session.answers.has(sequence)) {
      throw new DecodeError("sessions: an answer out of place", reader.offset);
    }
    if (sequence < session.lowestPending || (isLost && answer.length > 0)) {
      throw new DecodeError("sessions: an answer that nobody waits for", reader.offset);
    }
    this.#answersMissing--;
    session.answers.set(sequence, isLost ? null : answer);
  }

  #end(reader: ByteReader): void {
    if (reader.u32() !== this.#crc) {
      throw new DecodeError("sessions: checksum mismatch", reader.offset);
    }
    reader.end();
    if (this.#answersMissing !== 0 || this.#sessions.length !== this.#sessionCount) {
      throw new DecodeError("sessions: fewer than announced", reader.offset);
    }
    this.#done = true;
  }
}
