/**
 * RFC 7541 §5.2 and Appendix B. The code is canonical: symbols ordered by the length of their codes, then by value, take
 * consecutive codes; so the lengths alone are the table.
 *
 * PERF: decoding walks four bits at a time through a table of states; no code is shorter than five bits, so a step emits at
 * most one symbol.
 */
import { assert, must } from "@quorate/base";

/** Length in bits of each symbol's code; the last is EOS. */
const codeBits: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const eos = 256;
assert(codeBits.length === eos + 1, "huffman: 257 symbols");

function bitsOf(symbol: number): number {
  return must(codeBits[symbol], "huffman: a symbol");
}

const codes: Uint32Array = assignCodes();

function assignCodes(): Uint32Array {
  const order = Array.from(codeBits.keys()).sort((a, b) => bitsOf(a) - bitsOf(b) || a - b);
  const assigned = new Uint32Array(codeBits.length);
  let code = 0;
  let bits = bitsOf(must(order[0], "huffman: a shortest code"));
  for (const symbol of order) {
    code <<= bitsOf(symbol) - bits;
    bits = bitsOf(symbol);
    assigned[symbol] = code++;
  }
  // A complete code ends with all ones.
  assert(code === 2 ** bits, "huffman: the code is complete");
  return assigned;
}

/** Inner nodes of the code's tree, two children each: a node's number, or `leaf + symbol`. */
const leaf = 0x1000;
const nodeCount = 256;
const children: Uint16Array = buildTree();

function buildTree(): Uint16Array {
  const tree = new Uint16Array(nodeCount * 2);
  let nextNode = 1;
  for (let symbol = 0; symbol <= eos; symbol++) {
    let node = 0;
    for (let bit = bitsOf(symbol) - 1; bit > 0; bit--) {
      const at = node * 2 + (((codes[symbol] as number) >>> bit) & 1);
      if (tree[at] === 0) {
        tree[at] = nextNode++;
      }
      node = tree[at] as number;
    }
    tree[node * 2 + ((codes[symbol] as number) & 1)] = leaf + symbol;
  }
  assert(nextNode === nodeCount, "huffman: a complete tree of 257 leaves has 256 inner nodes");
  return tree;
}

/** A step of the decoder: the next state in the low byte, then a flag and the symbol it emits. */
const emits = 0x100;
const fails = 0x200;
const symbolShift = 16;
const steps: Uint32Array = buildSteps();

function buildSteps(): Uint32Array {
  const table = new Uint32Array(nodeCount * 16);
  for (let node = 0; node < nodeCount; node++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      table[node * 16 + nibble] = buildStep(node, nibble);
    }
  }
  return table;
}

function buildStep(from: number, nibble: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((nibble >>> bit) & 1)] as number;
    if (child < leaf) {
      node = child;
      continue;
    }
    // §5.2: EOS within a string is an error.
    if (child === leaf + eos) {
      return fails;
    }
    emitted = emits | ((child - leaf) << symbolShift);
    node = 0;
  }
  return node | emitted;
}

/** States in which a string may end, §5.2: fewer than eight bits of padding, all ones. */
const mayEnd: Uint8Array = buildEnds();

function buildEnds(): Uint8Array {
  const ends = new Uint8Array(nodeCount);
  let node = 0;
  for (let bits = 0; bits < 8; bits++) {
    ends[node] = 1;
    node = children[node * 2 + 1] as number;
  }
  return ends;
}

/** The most bytes that `length` bytes of Huffman code can decode to: no code is shorter than five bits. */
export function huffmanDecodedBytesMax(length: number): number {
  return Math.floor((length * 8) / 5);
}

/** Decodes `source[start, end)` into `target`; returns the bytes written, or -1 for what is no valid code. */
export function huffmanDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  assert(target.length >= huffmanDecodedBytesMax(end - start), "huffman: no room for the longest result");
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = source[at] as number;
    const high = steps[node * 16 + (byte >>> 4)] as number;
    if ((high & emits) !== 0) {
      target[length++] = high >>> symbolShift;
    }
    const low = steps[(high & 0xff) * 16 + (byte & 15)] as number;
    if ((low & emits) !== 0) {
      target[length++] = low >>> symbolShift;
    }
    if (((high | low) & fails) !== 0) {
      return -1;
    }
    node = low & 0xff;
  }
  return mayEnd[node] === 1 ? length : -1;
}

/** Bytes that `text`, one byte per character, takes in Huffman code. */
export function huffmanEncodedBytes(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    bits += bitsOf(text.charCodeAt(i));
  }
  return (bits + 7) >>> 3;
}

/** Encodes `text`, one byte per character, to `target[at…)`; returns the end. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let pending = 0;
  let pendingBits = 0;
  let end = at;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    assert(symbol < eos, "huffman: one byte per character");
    let left = bitsOf(symbol);
    // A code of up to 30 bits enters in pieces, so that what is pending stays below 32 bits.
    while (left > 0) {
      const taken = Math.min(left, 16);
      left -= taken;
      pending = (pending << taken) | (((codes[symbol] as number) >>> left) & ((1 << taken) - 1));
      pendingBits += taken;
      while (pendingBits >= 8) {
        pendingBits -= 8;
        target[end++] = (pending >>> pendingBits) & 0xff;
      }
    }
  }
  if (pendingBits > 0) {
    target[end++] = ((pending << (8 - pendingBits)) | (0xff >>> pendingBits)) & 0xff;
  }
  return end;
}
