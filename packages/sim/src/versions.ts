/**
 * Two versions of the program side by side, as in a rolling upgrade: the newer one speaks a wire version more, compresses what it
 * proposes and fails over fast; the older one does none of that and reads what the newer one wrote. There is one version of the code:
 * what stands for the older one are gates that are shut.
 */
import { assert, DecodeError } from "@quorate/base";
import { type EntryCodec, entryForm, plainEntryCodec } from "@quorate/raft";

/** What a version may do. */
export interface FeatureGates {
  readonly name: "older" | "newer";
  /** Elects a new leader at once where the old one's end is known. */
  readonly failsOver: boolean;
  readonly compressesEntries: boolean;
  /** The highest wire version that it offers, above the one that all speak. */
  readonly wireVersionsAhead: number;
}

/** Does without all of it. */
export const olderVersion: FeatureGates = {
  name: "older",
  failsOver: false,
  compressesEntries: false,
  wireVersionsAhead: 0,
};

/** Does all of it. */
export const newerVersion: FeatureGates = {
  name: "newer",
  failsOver: true,
  compressesEntries: true,
  wireVersionsAhead: 1,
};

/** What a version stores a command as; each reads what the other stored. Runs of one byte stand for a real compression. */
export function entryCodecOf({ compressesEntries }: FeatureGates): EntryCodec {
  return { encode: compressesEntries ? compress : plainEntryCodec.encode, decode };
}

const runMax = 255;

function compress(command: Uint8Array): Uint8Array {
  const stored: number[] = [entryForm.deflate];
  for (let at = 0; at < command.length; ) {
    const byte = command[at] ?? 0;
    let end = at + 1;
    while (end < command.length && end - at < runMax && command[end] === byte) {
      end++;
    }
    stored.push(end - at, byte);
    at = end;
  }
  return Uint8Array.from(stored);
}

function decode(stored: Uint8Array): Uint8Array {
  if (stored[0] === entryForm.plain) {
    return stored.subarray(1);
  }
  if (stored[0] !== entryForm.deflate || stored.length % 2 === 0) {
    throw new DecodeError("an entry in a form that neither version knows", 0);
  }
  const command: number[] = [];
  for (let at = 1; at < stored.length; at += 2) {
    const count = stored[at] ?? 0;
    assert(count > 0, "versions: an empty run");
    command.push(...new Array<number>(count).fill(stored[at + 1] ?? 0));
  }
  return Uint8Array.from(command);
}
