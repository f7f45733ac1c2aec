/** What is wrong with stored bytes, as data: decoders never throw for what they were given. */

/** Why bytes do not decode, where, and the version where it is merely one that this program does not know. */
export interface Fault {
  readonly fault: string;
  /** In bytes from the start of the file. */
  readonly offset: number;
  /** The stored format version, when everything but the version is in order. */
  readonly version: number | null;
}

/** A fault that is damage. */
export function damaged(fault: string, offset: number): Fault {
  return { fault, offset, version: null };
}

/** A fault that is an unknown version. Where a file's checksum lies stays the same in all versions. */
export function unknownVersion(version: number, offset: number): Fault {
  return { fault: "format version is not known to this program", offset, version };
}
