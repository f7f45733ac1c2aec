/**
 * An append without entries says little: how far the log is committed, which the next append says as well. So while appends come faster
 * than once a millisecond, it waits that long for the next one. Nothing depends on when it comes, or that it comes at all: RAFT §3.5
 * repeats the commit index with each append. After a write that stands alone it is sent at once: whoever goes to another member next
 * may expect to find it there.
 *
 * PERF: of 500 puts in flight a tenth less CPU of a follower; of one client whose puts take less than a millisecond each follower gets one frame
 * for each instead of two, and answers one (`npm run bench -- h2load`, `etcd-benchmark --only "put"`).
 */
import type { GroupId, PeerFrame } from "@quorate/raft";

/** How long an empty append waits for company. */
const holdMs = 1;

/** How long a peer that asked this member for something is told of each commit at once: its own clients wait for it. */
const eagerMs = 1000;

/** The empty append that waits on one link. */
export class HeldCommit {
  readonly #release: (group: GroupId, frame: PeerFrame) => void;
  readonly #nowMs: () => number;
  #group: GroupId | null = null;
  #frame: PeerFrame | null = null;
  #timer: NodeJS.Timeout | null = null;
  #eagerUntilMs = 0;
  /** When the last append with entries was sent, and how long after the one before. */
  #appendedAtMs = Number.NEGATIVE_INFINITY;
  #gapMs = Number.POSITIVE_INFINITY;

  /** @param release Sends what has waited long enough. @param nowMs A clock that never goes back. */
  constructor(
    release: (group: GroupId, frame: PeerFrame) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#release = release;
    this.#nowMs = nowMs;
  }

  /** The peer proposed or asked for a read. */
  asked(): void {
    this.#eagerUntilMs = this.#nowMs() + eagerMs;
  }

  /** Whether `frame` waits here from now on; otherwise it is to be sent. */
  takes(group: GroupId, frame: PeerFrame): boolean {
    if (frame.kind !== "message" || frame.message.type !== "append-entries") {
      return false; // Whatever else it is may overtake: it says nothing of this.
    }
    const nowMs = this.#nowMs();
    if (frame.message.entries.length > 0) {
      this.#gapMs = nowMs - this.#appendedAtMs;
      this.#appendedAtMs = nowMs;
      if (this.#group === group) {
        this.#forget(); // It says the same and more.
      }
      return false;
    }
    if (this.#gapMs >= holdMs || nowMs < this.#eagerUntilMs) {
      return false;
    }
    if (this.#group !== group) {
      this.flush();
    }
    this.#group = group;
    this.#frame = frame;
    // PERF: it runs on when what waited has found company; then it finds nothing, or something that waits a little less.
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.flush();
    }, holdMs);
    return true;
  }

  /** Sends what waits. */
  flush(): void {
    const group = this.#group;
    const frame = this.#frame;
    this.#forget();
    if (group !== null && frame !== null) {
      this.#release(group, frame);
    }
  }

  /** Nothing is sent any more. */
  close(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.#forget();
  }

  #forget(): void {
    this.#group = null;
    this.#frame = null;
  }
}
