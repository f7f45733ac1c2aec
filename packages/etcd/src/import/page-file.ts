/**
 * Reads the file that etcd keeps its state in: pages of a B+ tree, of which two heads tell the newest whole one. It reads only, and
 * trusts nothing: every page, count and offset is checked against the file before it is followed, and no page is met twice.
 *
 * The form, little-endian: a page begins with its number (8 bytes), its kind (2), how many elements it has (2) and how many pages
 * follow that belong to it (4). A leaf's element is kind, offset from the element, length of the key, length of the value (4 each);
 * a branch's is offset, length of the key (4 each), page (8). A bucket is a value: root page and sequence (8 each), and where the
 * root is 0, the page itself.
 */
import { assert, ByteReader, compareBytes, DecodeError, equalBytes, utf8Encode } from "@quorate/base";

/** The file; whoever stands behind it does the reading. */
export interface PagePort {
  /** Bytes of the file. */
  readonly length: number;
  /** Exactly `length` bytes from `offset` on, which lie within the file. They stay as they are. */
  read(offset: number, length: number): Uint8Array;
}

/** One key of a bucket. */
export interface PageEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Where the value stands in the file. */
  readonly valueAt: number;
}

const headBytes = 16;
const elementBytes = 16;
const pageKind = { branch: 1, leaf: 2, meta: 4 } as const;
const bucketElement = 1;
const fileMagic = 0xed0cdaed;
const fileVersion = 2;
/** From magic to transaction; the checksum stands behind. */
const checkedBytes = 56;
const pageBytesMin = 512;
const pageBytesMax = 1 << 20;
/** Levels of a tree; a branch has two children at least, so this is more than any file has. */
const depthMax = 48;

/** One page, its overflow included. */
interface Page {
  readonly bytes: Uint8Array;
  /** Where it stands in the file. */
  readonly at: number;
  readonly kind: number;
  readonly count: number;
}

/** The newest whole tree of a file. */
interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  /** Pages in use lie below. */
  readonly pageCount: number;
  readonly transaction: number;
}

/** Whether a file is one of these, by either of its heads; it may be damaged all the same. */
export function isPageFile(port: PagePort): boolean {
  const bytes = port.read(0, Math.min(port.length, headBytes + 4));
  const begins = bytes.length === headBytes + 4 && new ByteReader(bytes, headBytes).u32() === fileMagic;
  return begins || secondMetas(port).some((meta) => meta !== null);
}

/** The file; see the head of this module. Every method throws DecodeError, with the place in the file, for damage. */
export class PageFile {
  readonly #port: PagePort;
  readonly #meta: Meta;

  /** @throws DecodeError when neither head is whole, or the file is shorter than they say. */
  constructor(port: PagePort) {
    this.#port = port;
    const first = readMeta(port, 0);
    const metas = [first, ...(first === null ? secondMetas(port) : [readMeta(port, first.pageBytes)])];
    const whole = metas.filter((meta) => meta !== null).toSorted((a, b) => b.transaction - a.transaction);
    const [newest] = whole;
    if (newest === undefined) {
      throw new DecodeError("neither of the two heads is whole", headBytes);
    }
    if (newest.pageCount * newest.pageBytes > port.length) {
      throw new DecodeError(
        `cut: ${newest.pageCount} pages of ${newest.pageBytes} bytes are named, the end is`,
        port.length,
      );
    }
    this.#meta = newest;
  }

  /** The keys of a bucket in order, each time anew; null where there is no such bucket. Buckets within it are passed over. */
  bucket(name: string): Iterable<PageEntry> | null {
    const wanted = utf8Encode(name);
    for (const { isBucket, key, value, valueAt } of this.#elements(this.#page(this.#meta.root))) {
      if (isBucket && equalBytes(key, wanted)) {
        const root = this.#bucketRoot(value, valueAt);
        return { [Symbol.iterator]: () => this.#entries(root) };
      }
    }
    return null;
  }

  *#entries(root: Page): Generator<PageEntry, void, undefined> {
    for (const element of this.#elements(root)) {
      if (!element.isBucket) {
        yield element;
      }
    }
  }

  #bucketRoot(value: Uint8Array, valueAt: number): Page {
    if (value.length < headBytes) {
      throw new DecodeError("a bucket without a root", valueAt);
    }
    const root = readSafe(new ByteReader(value), valueAt);
    if (root !== 0) {
      return this.#page(root);
    }
    const inline = value.subarray(headBytes);
    if (inline.length < headBytes) {
      throw new DecodeError("a bucket without its page", valueAt);
    }
    return pageOf(inline, valueAt + headBytes);
  }

  /** The elements of all leaves below `root`, whose keys ascend. */
  *#elements(root: Page): Generator<PageEntry & { readonly isBucket: boolean }, void, undefined> {
    const met = new Uint8Array((this.#meta.pageCount >>> 3) + 1);
    const path: { readonly page: Page; next: number }[] = [{ page: root, next: 0 }];
    let before: Uint8Array | null = null;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { page } = top;
      if (top.next === page.count) {
        path.pop();
      } else if (page.kind === pageKind.branch) {
        const child = branchChild(page, top.next++);
        if (path.length === depthMax || !meet(met, child, this.#meta.pageCount)) {
          throw new DecodeError(`page ${child} is no page, or met twice; named`, page.at);
        }
        path.push({ page: this.#page(child), next: 0 });
      } else {
        const element = leafElement(page, top.next++);
        if (before !== null && compareBytes(before, element.key) >= 0) {
          throw new DecodeError("keys out of order", page.at);
        }
        before = element.key;
        yield element;
      }
    }
  }

  #page(number: number): Page {
    const { pageBytes, pageCount } = this.#meta;
    const at = number * pageBytes;
    if (number < 2 || number >= pageCount) {
      throw new DecodeError(`page ${number} of ${pageCount} is asked for; it would stand`, at);
    }
    const head = new ByteReader(this.#port.read(at, headBytes));
    const own = readSafe(head, at);
    head.u32();
    const overflow = head.u32();
    if (own !== number || overflow >= pageCount - number) {
      throw new DecodeError(`page ${number} says it is ${own}, with ${overflow} behind it,`, at);
    }
    return pageOf(this.#port.read(at, (overflow + 1) * pageBytes), at);
  }
}

/** Where the second head may stand when the first is damaged. */
function secondMetas(port: PagePort): (Meta | null)[] {
  const found: (Meta | null)[] = [];
  for (let pageBytes = pageBytesMin; pageBytes <= pageBytesMax; pageBytes *= 2) {
    const meta = readMeta(port, pageBytes);
    found.push(meta?.pageBytes === pageBytes ? meta : null);
  }
  return found;
}

/** The head at `at`; null when it is not whole. */
function readMeta(port: PagePort, at: number): Meta | null {
  if (at + headBytes + checkedBytes + 8 > port.length) {
    return null;
  }
  const bytes = port.read(at, headBytes + checkedBytes + 8);
  const reader = new ByteReader(bytes, headBytes);
  const isKnown = reader.u32() === fileMagic && reader.u32() === fileVersion;
  const pageBytes = reader.u32();
  const checked = bytes.subarray(headBytes, headBytes + checkedBytes);
  const isSize =
    pageBytes >= pageBytesMin && pageBytes <= pageBytesMax && (pageBytes & (pageBytes - 1)) === 0;
  if (!isKnown || !isSize || fnv64(checked) !== readUint64(bytes, headBytes + checkedBytes)) {
    return null;
  }
  const root = readSafe(new ByteReader(bytes, headBytes + 16), at);
  const rest = new ByteReader(bytes, headBytes + 40);
  const pageCount = readSafe(rest, at);
  const transaction = readSafe(rest, at);
  return { pageBytes, root, pageCount, transaction };
}

/** FNV-1a of 64 bits. */
function fnv64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

function readUint64(bytes: Uint8Array, at: number): bigint {
  const reader = new ByteReader(bytes, at);
  const low = BigInt(reader.u32());
  return low | (BigInt(reader.u32()) << 32n);
}

/** A number of 64 bits that counts something, which never comes near the bound. */
function readSafe(reader: ByteReader, at: number): number {
  try {
    return reader.u64();
  } catch (error) {
    if (error instanceof DecodeError) {
      throw new DecodeError("a number beyond all that is counted", at);
    }
    throw error;
  }
}

function pageOf(bytes: Uint8Array, at: number): Page {
  assert(bytes.length >= headBytes, "page file: a page without its head");
  const head = new ByteReader(bytes, 8);
  const kind = head.u16();
  const count = head.u16();
  if (kind !== pageKind.branch && kind !== pageKind.leaf) {
    throw new DecodeError(`a page of kind ${kind} within a tree`, at);
  }
  if (headBytes + count * elementBytes > bytes.length || (kind === pageKind.branch && count === 0)) {
    throw new DecodeError(`a page that cannot have ${count} elements`, at);
  }
  return { bytes, at, kind, count };
}

/** Notes that a page was met; false when it is none, or was met before. */
function meet(met: Uint8Array, page: number, pageCount: number): boolean {
  const place = page >>> 3;
  const bit = 1 << (page & 7);
  if (page < 2 || page >= pageCount || ((met[place] ?? 0) & bit) !== 0) {
    return false;
  }
  met[place] = (met[place] ?? 0) | bit;
  return true;
}

function branchChild(page: Page, place: number): number {
  return readSafe(new ByteReader(page.bytes, headBytes + place * elementBytes + 8), page.at);
}

function leafElement(page: Page, place: number): PageEntry & { readonly isBucket: boolean } {
  const start = headBytes + place * elementBytes;
  const reader = new ByteReader(page.bytes, start);
  const kind = reader.u32();
  const keyAt = start + reader.u32();
  const valueAt = keyAt + reader.u32();
  const end = valueAt + reader.u32();
  if (end > page.bytes.length || keyAt < headBytes + page.count * elementBytes) {
    throw new DecodeError("an element that ends outside its page", page.at + start);
  }
  return {
    isBucket: (kind & bucketElement) !== 0,
    key: page.bytes.subarray(keyAt, valueAt),
    value: page.bytes.subarray(valueAt, end),
    valueAt: page.at + valueAt,
  };
}
