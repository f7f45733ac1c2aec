/**
 * What the connections to one peer tell about its process. Only a death that the peer's own system vouches for counts: it ended
 * an established connection and, asked again at once, refuses new ones; or another process answers in the old one's name.
 * What this member did itself (time-outs, bad frames, orderly ends) proves nothing, and neither does silence: a machine that
 * stopped, or a cut network, is left to the election time-out.
 */
import { equalBytes, errorCode } from "@quorate/base";
import type { PeerGoneReason } from "@quorate/raft";

/** How long a connection's end makes a later refusal mean something. */
const suspicionMs = 1000;

/** One peer's process, as its connections show it. */
export class PeerLife {
  readonly #gone: (reason: PeerGoneReason) => void;
  readonly #nowMs: () => number;
  #bootId: Uint8Array | null = null;
  #suspectedAtMs: number | null = null;

  constructor(gone: (reason: PeerGoneReason) => void, nowMs: () => number = () => performance.now()) {
    this.#gone = gone;
    this.#nowMs = nowMs;
  }

  /** A handshake with it has succeeded, in either direction. */
  established(bootId: Uint8Array): void {
    const before = this.#bootId;
    this.#bootId = bootId;
    this.#suspectedAtMs = null;
    if (before !== null && !equalBytes(before, bootId)) {
      this.#gone("restarted");
    }
  }

  /** An established connection is gone; `byPeer` when the other side ended or reset it. */
  ended(byPeer: boolean): void {
    this.#suspectedAtMs = byPeer ? this.#nowMs() : null;
  }

  /** Its address refused a connection. While another connection with it stands (`connected`), the process lives. */
  refused(connected: boolean): void {
    const at = this.#suspectedAtMs;
    if (at === null || connected) {
      return;
    }
    this.#suspectedAtMs = null;
    if (this.#nowMs() - at <= suspicionMs) {
      // Whoever comes next under this name is a new acquaintance: its death, not this one, would be news.
      this.#bootId = null;
      this.#gone("refused");
    }
  }
}

/** Whether a connection's end was the other side's doing; `ended` when its FIN came before the close. */
export function isEndedByPeer(ended: boolean, error: Error | null): boolean {
  const code = errorCode(error);
  return error === null ? ended : code === "ECONNRESET" || code === "EPIPE";
}

/** Whether nobody listens where this error came from; of several addresses of one name, at none. */
export function isRefusal(error: Error | null): boolean {
  if (error instanceof AggregateError) {
    return error.errors.length > 0 && error.errors.every((each) => errorCode(each) === "ECONNREFUSED");
  }
  return errorCode(error) === "ECONNREFUSED";
}
