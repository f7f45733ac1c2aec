/**
 * Entries of the log under AES-256-GCM. Nothing about a nonce rests on where in a file something lies: each opening of a store
 * draws a salt, derives a key from it, and counts; so a place that is written again after a crash never meets its nonce again.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { assert, toHex } from "@quorate/base";
import type { CompletedWith, Entry, SnapshotMetadata, SnapshotSink, SnapshotSource } from "@quorate/raft";
import { keyError, keyIdOfEntry, type StoreCipher, sealedEntryVersion } from "@quorate/wal";
import type { KeyRing } from "./key-ring.ts";
import { openImage, SealingSink } from "./sealed-image.ts";

/** `[version][key id, 4][salt, 8][count, 6]`, the data, the tag. */
const saltAt = 5;
const saltBytes = 8;
const countAt: number = saltAt + saltBytes;
const headerBytes: number = countAt + 6;
const tagBytes = 16;
const nonceBytes = 12;

/** What sealing adds to an entry's data. */
const sealedEntryOverheadBytes: number = headerBytes + tagBytes;

/** Entries under one salt. GCM allows 2^32 under one key with counted nonces many times over; a limit all the same. */
const sealedCountMax = 2 ** 32;

/** Derived keys that are kept: one for each start of the member that wrote what is read. */
const keyCacheMax = 256;

interface Sealing {
  readonly keyId: number;
  readonly salt: Uint8Array;
  readonly key: KeyObject;
  count: number;
}

/** The cipher of one store, for one opening. */
export class AesCipher implements StoreCipher {
  readonly #ring: KeyRing;
  #sealing: Sealing | null = null;
  readonly #opening: Map<string, KeyObject> = new Map();

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  sealEntry(entry: Entry): Uint8Array {
    const sealing = this.#current();
    sealing.count++;
    const sealed = new Uint8Array(headerBytes + entry.data.length + tagBytes);
    const view = new DataView(sealed.buffer);
    sealed[0] = sealedEntryVersion;
    view.setUint32(1, sealing.keyId, true);
    sealed.set(sealing.salt, saltAt);
    view.setUint32(countAt, sealing.count >>> 0, true);
    view.setUint16(countAt + 4, Math.floor(sealing.count / 2 ** 32), true);
    const cipher = createCipheriv("aes-256-gcm", sealing.key, nonceOf(sealed));
    cipher.setAAD(placeOf(entry));
    sealed.set(cipher.update(entry.data), headerBytes);
    cipher.final();
    sealed.set(cipher.getAuthTag(), headerBytes + entry.data.length);
    return sealed;
  }

  /** A new salt at the first entry, after a rotation, and long before a count could run out. */
  #current(): Sealing {
    const { current } = this.#ring;
    const sealing = this.#sealing;
    if (sealing !== null && sealing.keyId === current && sealing.count < sealedCountMax) {
      return sealing;
    }
    const salt = new Uint8Array(randomBytes(saltBytes));
    this.#sealing = { keyId: current, salt, key: this.#derive(current, salt), count: 0 };
    return this.#sealing;
  }

  openEntry(stored: Entry): Uint8Array {
    const { data, index } = stored;
    this.checkEntry(data);
    const keyId = keyIdOfEntry(data) ?? 0;
    const end = data.length - tagBytes;
    const decipher = createDecipheriv("aes-256-gcm", this.#keyFor(keyId, data), nonceOf(data));
    decipher.setAAD(placeOf(stored));
    decipher.setAuthTag(data.subarray(end));
    const opened = decipher.update(data.subarray(headerBytes, end));
    try {
      decipher.final();
    } catch (error) {
      // The checksum on the disk was right, so this is no accident of the disk.
      throw keyError(
        keyId,
        `does not open entry ${index}: another key has this id, or the entry was altered`,
        error,
      );
    }
    // What a decipher gives has memory of its own.
    return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
  }

  checkEntry(stored: Uint8Array): void {
    const keyId = keyIdOfEntry(stored);
    if (keyId === null || stored.length < sealedEntryOverheadBytes) {
      throw keyError(keyId ?? 0, "an entry is encrypted in a form that is not known here");
    }
    this.#ring.check(keyId);
  }

  /** PERF: a key object is prepared once; bytes would be at each entry. */
  #derive(keyId: number, salt: Uint8Array): KeyObject {
    return createSecretKey(this.#ring.derive(keyId, "entry", salt));
  }

  #keyFor(keyId: number, stored: Uint8Array): KeyObject {
    const salt = stored.subarray(saltAt, saltAt + saltBytes);
    const name = `${keyId}/${toHex(salt)}`;
    let key = this.#opening.get(name);
    if (key === undefined) {
      if (this.#opening.size >= keyCacheMax) {
        this.#opening.clear();
      }
      key = this.#derive(keyId, salt);
      this.#opening.set(name, key);
    }
    return key;
  }

  sealImage(metadata: SnapshotMetadata, sink: SnapshotSink): SnapshotSink {
    return new SealingSink(this.#ring, metadata, sink);
  }

  openImage(source: SnapshotSource, completed: CompletedWith<SnapshotSource>): void {
    openImage(this.#ring, source, completed);
  }
}

// PERF: the cipher copies nonce and place before its call returns, and nothing here waits: one buffer each serves every entry.
const nonce: Uint8Array = new Uint8Array(nonceBytes);
const place: Uint8Array = new Uint8Array(17);
const placeView: DataView = new DataView(place.buffer);

/** The count, behind zeros: unique under its key, which is its salt's alone. Valid until the next call. */
function nonceOf(sealed: Uint8Array): Uint8Array {
  for (let i = countAt; i < headerBytes; i++) {
    nonce[nonceBytes - headerBytes + i] = sealed[i] ?? 0;
  }
  return nonce;
}

/** Where the entry stands in the log: authenticated, so that no record can be put in another's place. Valid until the next call. */
function placeOf({ index, term, type }: Entry): Uint8Array {
  assert(index >= 1, "cipher: entry 0");
  setU64(placeView, 0, index);
  setU64(placeView, 8, term);
  place[16] = type === "normal" ? 0 : type === "conf-change" ? 1 : 2;
  return place;
}

function setU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}
