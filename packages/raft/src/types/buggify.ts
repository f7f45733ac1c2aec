/**
 * Places in this code that a simulator may make behave at their worst: small buffers, early ends of pages, slow paths. Whatever they
 * answer is right; they make rare what production meets rarely. Nothing is given in production, and each place costs one comparison.
 */

/** The places: of the host first, then of the log. */
export const buggifyPoints = [
  /** One entry is applied in a turn. */
  "apply-one",
  /** What the core has to do waits for another turn. */
  "ready-later",
  /** No batch goes to the disk while another is under way. */
  "persist-one",
  /** Each proposal goes alone. */
  "propose-alone",
  /** A snapshot is due although little was applied. */
  "snapshot-now",
  /** A chunk of a few bytes. */
  "snapshot-chunk-tiny",
  /** A chunk is not sent, and must be sent again. */
  "snapshot-chunk-dropped",
  /** A repair gets one entry at a time. */
  "repair-one-entry",
  /** A segment is full although there is room. */
  "segment-short",
  /** Batches are not gathered into one write. */
  "batch-single",
  /** A page of entries ends behind its first. */
  "page-one-entry",
  /** Entries in memory are forgotten, and must be read back. */
  "window-forget",
  /** What was read back is forgotten before anybody looks. */
  "load-in-vain",
  /** No segment is filled ahead. */
  "spare-none",
  /** Records are read back a few at a time. */
  "read-ahead-small",
] as const;

/** The name of a place. */
export type BuggifyPoint = (typeof buggifyPoints)[number];

/** Asked at each place, each time; whether it is to behave at its worst now. */
export type Buggify = (point: BuggifyPoint) => boolean;
