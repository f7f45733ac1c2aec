/** Hashes of small numbers and of texts: 32 bits each, well mixed, the same on every machine. */

/** A permutation of 32 bits in which each bit of the input moves half of the output. */
export function mixed(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** 32 bits for a text; other seeds give independent ones. */
export function textHash(text: string, seed: number): number {
  let a = mixed(seed);
  let b = mixed(seed ^ 0x5bd1e995);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul((b << 5) ^ (b >>> 27) ^ unit, 0x85ebca77);
    a = (a << 13) | (a >>> 19);
  }
  return mixed(a ^ mixed(b ^ text.length));
}
