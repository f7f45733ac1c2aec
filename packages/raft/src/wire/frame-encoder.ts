/** Encodes frames for several peers. What a leader appends to all of them at once is encoded, and its checksum made, for the first only. */
import { assert, ByteWriter, crc32c } from "@quorate/base";
import type { GroupId, PeerFrame } from "../host/ports.ts";
import type { Entry } from "../types/entry.ts";
import type { AppendEntries } from "../types/message.ts";
import { encodePeerFrame } from "./frame-codec.ts";
import { beginFrame, endFrameBehind } from "./layout.ts";
import { writeAppendHead } from "./message-codec.ts";
import { writeEntries } from "./parts.ts";

/** Fewer entries are encoded anew sooner than their checksum is joined with that of what stands before them. */
const sharedCountMin = 8;

/** A buffer that grew beyond this is given up, so that one large append does not hold memory for good. */
const keptBytesMax = 1024 * 1024;

/**
 * Frames for the peers of one member.
 *
 * PERF: with two followers a leader encodes and sums a command twice instead of three times, its log included.
 *
 * @example
 * ```ts
 * import { ByteWriter } from "@quorate/base";
 * import { FrameEncoder, toNodeId, toTerm } from "@quorate/raft";
 * const encoder = new FrameEncoder();
 * for (const to of [toNodeId(2), toNodeId(3)]) {
 *   const message = { type: "timeout-now", from: toNodeId(1), to, term: toTerm(1) } as const;
 *   encoder.encode(new ByteWriter(), 0, { kind: "message", message });
 * }
 * ```
 */
export class FrameEncoder {
  /** The entries that were encoded last, as they stand in a frame; which ones, and their checksum. */
  #written = new ByteWriter(4096);
  #first: Entry | null = null;
  #last: Entry | null = null;
  #count = 0;
  #crc = 0;

  /** As {@link encodePeerFrame}, byte for byte. */
  encode(writer: ByteWriter, group: GroupId, frame: PeerFrame): void {
    if (
      frame.kind === "message" &&
      frame.message.type === "append-entries" &&
      frame.message.entries.length >= sharedCountMin
    ) {
      this.#encodeAppend(writer, group, frame.message);
    } else {
      encodePeerFrame(writer, group, frame);
    }
  }

  #encodeAppend(writer: ByteWriter, group: GroupId, message: AppendEntries): void {
    const start = beginFrame(writer, "append-entries");
    writer.varint(group);
    writeAppendHead(writer, message);
    const entriesStart = writer.length;
    this.#write(message.entries);
    writer.bytes(this.#written.view());
    endFrameBehind(writer, start, entriesStart, this.#crc);
    if (this.#written.length > keptBytesMax) {
      this.#written = new ByteWriter(4096);
      this.#first = null;
    }
  }

  /** Encodes `entries`, unless they are those of the last time. Entries never change, and follow each other: so two and a count tell. */
  #write(entries: readonly Entry[]): void {
    const first = entries[0] as Entry;
    const last = entries.at(-1) as Entry;
    assert(last.index - first.index === entries.length - 1, "frame encoder: entries with a gap");
    if (first === this.#first && last === this.#last && entries.length === this.#count) {
      return;
    }
    this.#first = first;
    this.#last = last;
    this.#count = entries.length;
    this.#written.reset();
    writeEntries(this.#written, entries);
    this.#crc = crc32c(this.#written.view());
  }
}
