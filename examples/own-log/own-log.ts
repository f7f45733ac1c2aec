/** A Raft log of your own: a text file with one line for each batch of entries. `main.ts` runs a node on it. */
import { truncateSync } from "node:fs";
import { crc32 } from "node:zlib";
import { type Entry, type LogStore, toLogIndex, toTerm } from "@quorate/raft";
import { appendDurably, readIfThere, replaceDurably } from "@quorate/raft-node";

/** `2837281 [{"index":1,"term":1,"type":"normal","data":"aGk="}]`: a checksum, then the entries that were appended together. */
function encode(entries: readonly Entry[]): Buffer {
  const json = JSON.stringify(
    entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString("base64") })),
  );
  return Buffer.from(`${crc32(json)} ${json}\n`);
}

/** Null for a line that is not as it was written. */
function decode(line: string): Entry[] | null {
  const json = line.slice(line.indexOf(" ") + 1, -1);
  if (line !== `${crc32(json)} ${json}\n`) return null;
  const entries: { index: number; term: number; type: Entry["type"]; data: string }[] = JSON.parse(json);
  return entries.map(({ data, index, term, type }) => {
    return { index: toLogIndex(index), term: toTerm(term), type, data: Buffer.from(data, "base64") };
  });
}

export class OwnLog implements LogStore {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }

  read(): Entry[] {
    const text = Buffer.from(readIfThere(this.#path) ?? []).toString();
    const lines = text.split(/(?<=\n)/).filter((line) => line !== "");
    const log: Entry[] = [];
    for (const [number, line] of lines.entries()) {
      const batch = decode(line);
      const first = batch?.[0];
      if (batch !== null && first !== undefined) {
        // A batch replaces what stood from its first entry on.
        log.splice(first.index - (log[0]?.index ?? first.index), log.length, ...batch);
      } else if (number < lines.length - 1) {
        throw new Error(`${this.#path}: line ${number + 1} is damaged`);
      } else {
        // A crash left the last line unfinished. It was never acknowledged: the next batch takes its place.
        truncateSync(this.#path, Buffer.byteLength(lines.slice(0, number).join("")));
      }
    }
    return log;
  }

  append(entries: readonly Entry[]): void {
    appendDurably(this.#path, encode(entries));
  }

  compact(upTo: number): void {
    const kept = this.read().filter(({ index }) => index > upTo);
    replaceDurably(this.#path, kept.length === 0 ? Buffer.alloc(0) : encode(kept));
  }
}
