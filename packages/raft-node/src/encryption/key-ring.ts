/** The keys of encryption at rest: each with an id, one of them current. What is written uses the current one; all others only read. */
import { createHash, hkdfSync } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { assert } from "@quorate/base";
import { ConfigError } from "@quorate/raft";
import { keyError } from "@quorate/wal";

/** One key: 32 bytes of chance, known by a number. */
export interface EncryptionKey {
  /** 1 … 2^32−1. Never given to another key. */
  readonly id: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Keys for {@link KeyRing}. */
export interface EncryptionKeys {
  readonly keys: readonly EncryptionKey[];
  /** Id of the key for what is written from now on. */
  readonly current: number;
}

const keyBytes = 32;
const keyIdMax = 2 ** 32 - 1;
const keyCountMax = 1000;
const salt0 = new Uint8Array(0);

/** What a derived key is for: entries and images never share one. */
type KeyPurpose = "entry" | "image";

/** The keys of one member, for as long as it runs. */
export class KeyRing {
  readonly #keys: Map<number, Uint8Array> = new Map();
  #current: number;

  /** @throws ConfigError with every problem at once; a key itself never stands in it. */
  constructor({ current, keys }: EncryptionKeys) {
    const problems: string[] = [];
    for (const { id, key } of keys) {
      if (!Number.isSafeInteger(id) || id < 1 || id > keyIdMax) {
        problems.push(`encryption: key id ${id} is not an integer from 1 to ${keyIdMax}`);
      } else if (this.#keys.has(id)) {
        problems.push(`encryption: two keys have the id ${id}`);
      }
      if (key.length !== keyBytes) {
        problems.push(`encryption: key ${id} has ${key.length} bytes, not ${keyBytes}`);
      }
      this.#keys.set(id, key.slice());
    }
    if (keys.length > keyCountMax) {
      problems.push(`encryption: more than ${keyCountMax} keys`);
    }
    if (!this.#keys.has(current)) {
      problems.push(`encryption: the current key ${current} is not among the keys`);
    }
    if (problems.length > 0) {
      throw new ConfigError(problems);
    }
    this.#current = current;
  }

  /** Id of the key for what is written. */
  get current(): number {
    return this.#current;
  }

  /** Ids of all keys, ascending. */
  get ids(): readonly number[] {
    return [...this.#keys.keys()].sort((left, right) => left - right);
  }

  /** Takes up keys that are new and writes with `current` from now on. @throws ConfigError where an id names another key. */
  rotate(keys: EncryptionKeys): void {
    const next = new KeyRing(keys);
    const changed = next.ids.filter((id) => {
      const known = this.#keys.get(id);
      return known !== undefined && fingerprint(known) !== fingerprint(next.#key(id));
    });
    if (changed.length > 0) {
      throw new ConfigError(changed.map((id) => `encryption: key ${id} is another one than it was`));
    }
    for (const id of next.ids) {
      this.#keys.set(id, next.#key(id));
    }
    this.#current = next.current;
  }

  /** @throws StorageError STORAGE_KEY where there is no such key. */
  check(id: number): void {
    this.#key(id);
  }

  /** A key of its own for everything that is sealed under one salt, 32 bytes. */
  derive(id: number, purpose: KeyPurpose, salt: Uint8Array): Uint8Array {
    assert(salt.length >= 8, "key ring: salt too short");
    return new Uint8Array(
      hkdfSync("sha256", this.#key(id), salt, `quorate at rest, ${purpose}, v1`, keyBytes),
    );
  }

  #key(id: number): Uint8Array {
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw keyError(id, `the key is not among those given (${this.ids.join(", ")})`);
    }
    return key;
  }
}

function fingerprint(key: Uint8Array): string {
  return createHash("sha256").update(salt0).update(key).digest("hex");
}

/**
 * Reads keys from a file: one a line, as `<id> <64 hexadecimal digits>`; empty lines and those that begin with `#` do not count. The
 * key with the highest id is current.
 *
 * @throws ConfigError where the file cannot be read, others than its owner may read it, or a line is no key.
 */
export function readKeyFile(path: string): EncryptionKeys {
  const text = readSecret(path);
  const keys: EncryptionKey[] = [];
  const problems: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) {
      continue;
    }
    const match = /^(\d{1,10})\s+([0-9a-fA-F]{64})$/.exec(trimmed);
    if (match === null) {
      problems.push(`${path}:${at + 1}: not an id and 64 hexadecimal digits`);
    } else {
      keys.push({ id: Number(match[1]), key: Uint8Array.from(Buffer.from(match[2] ?? "", "hex")) });
    }
  }
  if (keys.length === 0 && problems.length === 0) {
    problems.push(`${path}: holds no key`);
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { keys, current: Math.max(...keys.map(({ id }) => id)) };
}

/** Whoever else may read the file has the keys. Windows has no such bits. */
function readSecret(path: string): string {
  try {
    const { mode } = statSync(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new ConfigError([
        `${path}: others than its owner may use it (mode ${(mode & 0o777).toString(8)}); chmod 600`,
      ]);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) {
      throw error;
    }
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new ConfigError([`${path}: cannot be read (${code})`]);
  }
}
