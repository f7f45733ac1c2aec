/**
 * Credentials that follow their files: what is changed on the disk counts from the next handshake on. What is changed for the worse is
 * told once, and what was there before stays: a half-finished rotation must not end a member.
 */
import { statSync } from "node:fs";
import { type LoadedTls, loadTls, type TlsFiles, type TlsPolicy } from "./credentials.ts";

/** How long a look at the files is good for: a flood of connections must not become one of disk accesses. */
const lookIntervalMs = 100;

/** Who is told of renewals. */
export interface RenewalListener {
  renewed(paths: readonly string[]): void;
  /** `problem` names flag and file. */
  failed(problem: string): void;
}

/** Credentials of one kind of connection, as their files have them. */
export class RenewedTls {
  readonly #files: TlsFiles;
  readonly #policy: TlsPolicy;
  readonly #listener: RenewalListener;
  #loaded: LoadedTls;
  #stamp: string;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** @throws `TlsFileError` when the files are not good from the beginning. */
  constructor(files: TlsFiles, policy: TlsPolicy, listener: RenewalListener) {
    this.#files = files;
    this.#policy = policy;
    this.#listener = listener;
    this.#stamp = this.#stampNow();
    this.#loaded = loadTls(files, policy, Date.now());
  }

  /** The same object as before while nothing has changed. */
  current(): LoadedTls {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs >= lookIntervalMs) {
      this.#lookedAtMs = nowMs;
      const stamp = this.#stampNow();
      if (stamp !== this.#stamp) {
        this.#stamp = stamp;
        this.#renew();
      }
    }
    return this.#loaded;
  }

  #renew(): void {
    try {
      this.#loaded = loadTls(this.#files, this.#policy, Date.now());
      this.#listener.renewed(this.#paths());
    } catch (error) {
      this.#listener.failed(error instanceof Error ? error.message : String(error));
    }
  }

  #paths(): string[] {
    const { authorities, certificate, key, revoked } = this.#files;
    return [certificate, key, authorities, revoked].flatMap((file) => file?.path ?? []);
  }

  /** Changes whenever a file does. */
  #stampNow(): string {
    return this.#paths().map(stampOf).join("|");
  }
}

function stampOf(path: string): string {
  try {
    const { ctimeMs, ino, mtimeMs, size } = statSync(path);
    return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  } catch {
    return "-"; // Gone, or out of reach: reading it says which, in the words for operators.
  }
}
