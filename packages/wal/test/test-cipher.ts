/** A cipher that hides nothing from anybody but shows whether the log asks it as it should: longer bytes, tied to their place. */
import assert from "node:assert/strict";
import { concatBytes, crc32c } from "@quorate/base";
import type { Entry } from "@quorate/raft";
import { keyIdOfEntry, type StoreCipher, sealedEntryVersion } from "@quorate/wal";

const headerBytes = 13;

/** `[version][key 1][count][checksum of place and data]`, the data inverted. Images stay as they are. */
export function testCipher(): StoreCipher {
  let count = 0;
  const checkOf = ({ index, term }: Entry, data: Uint8Array): number =>
    crc32c(data, (index * 31 + term) >>> 0);
  return {
    sealEntry: (entry) => {
      const header = new Uint8Array(headerBytes);
      const view = new DataView(header.buffer);
      header[0] = sealedEntryVersion;
      view.setUint32(1, 1, true);
      view.setUint32(5, ++count, true);
      view.setUint32(9, checkOf(entry, entry.data), true);
      return concatBytes([header, entry.data.map((byte) => byte ^ 0xff)]);
    },
    openEntry: (stored) => {
      const data = stored.data.slice(headerBytes).map((byte) => byte ^ 0xff);
      const view = new DataView(stored.data.buffer, stored.data.byteOffset);
      assert.equal(view.getUint32(9, true), checkOf(stored, data), "another entry's bytes");
      return data;
    },
    checkEntry: (stored) => assert.equal(keyIdOfEntry(stored), 1),
    sealImage: (_metadata, sink) => sink,
    openImage: (source, completed) => completed(null, source),
  };
}
