/**
 * Refusals that are not final yet. A member that lags judges by what it has applied; whoever it would refuse waits for a read
 * barrier (RAFT §6.4), until the member knows all that was committed when the call came, and is then judged again.
 *
 * Who comes here has proven nothing, so it must not cost much: however many wait, one barrier is under way for all of them, the
 * next begins when it is over, and only so many wait at all. A flood of bad tokens costs one round in each round trip, and takes
 * no places among the reads of others.
 */
import { assert } from "@quorate/base";
import type { KvErrorCode } from "@quorate/kv";

/** Those that wait at once. */
const appealCountMax = 1000;

/** A refusal that is not final. */
interface Refusal {
  /** What the local state says. */
  readonly code: KvErrorCode;
  /** Whether that is told, too, when this member cannot catch up. */
  readonly stands: boolean;
}

interface Appeal extends Refusal {
  readonly deadlineMs: number;
  readonly done: (final: KvErrorCode | null) => void;
}

/** What appeals need of the member. */
interface AppealPort {
  readonly nowMs: number;
  readonly hasLeader: boolean;
  /** Calls back once, maybe before it returns: with null once the local state is as new as the question. */
  barrier(done: (refused: KvErrorCode | null) => void): void;
}

/** See the head of this file. */
export class AuthAppeals {
  readonly #port: AppealPort;
  readonly #waitMs: number;
  /** Those for whom a barrier is under way, in the order in which they came. */
  #asked: Appeal[] = [];
  /** Those who came later. */
  #queue: Appeal[] = [];
  #asking = false;
  #stopped = false;

  constructor(port: AppealPort, waitMs: number) {
    assert(waitMs > 0, "auth appeals: no time");
    this.#port = port;
    this.#waitMs = waitMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#asked.length + this.#queue.length;
  }

  /**
   * Calls back once, maybe before it returns: with null when this member has caught up, else with what to refuse with.
   *
   * Where it cannot catch up, nobody has decided. UNAVAILABLE lets clients of etcd ask another member, while a refusal would be the end
   * of it, or make them log in, which takes the same leader; it is what etcd answers to whatever needs a leader. What a member answers
   * alone is refused by its own state then, and at once, as etcd does.
   */
  wait({ code, stands }: Refusal, done: (final: KvErrorCode | null) => void): void {
    if (this.#stopped) {
      done("KV_STOPPED");
    } else if (this.count >= appealCountMax || (stands && !this.#port.hasLeader)) {
      // So many at once are guesses, and the local state will do for them.
      done(code);
    } else {
      this.#queue.push({ code, stands, deadlineMs: this.#port.nowMs + this.#waitMs, done });
      this.ask();
    }
  }

  /** Ends those that waited too long, and asks again where a barrier was refused. */
  tick(): void {
    if (this.count === 0) {
      return;
    }
    const { nowMs } = this.#port;
    const isLate = ({ deadlineMs }: Appeal): boolean => deadlineMs <= nowMs;
    const late = [...this.#asked, ...this.#queue].filter(isLate);
    if (late.length > 0) {
      this.#asked = this.#asked.filter((appeal) => !isLate(appeal));
      this.#queue = this.#queue.filter((appeal) => !isLate(appeal));
      end(late, "KV_TIMEOUT");
    }
    this.ask();
  }

  /** Asks for a barrier, if somebody waits for one and none is under way. */
  ask(): void {
    if (this.#asking || this.#queue.length === 0) {
      return;
    }
    assert(this.#asked.length === 0, "auth appeals: two barriers at once");
    this.#asking = true;
    this.#asked = this.#queue;
    this.#queue = [];
    this.#port.barrier((refused) => {
      const asked = this.#asked;
      this.#asking = false;
      this.#asked = [];
      if (refused === null) {
        for (const { done } of asked) {
          done(null);
        }
        this.ask();
      } else {
        // No leader, most likely: until their time is over they are asked for again, with the next tick.
        this.#queue = [...asked, ...this.#queue];
      }
    });
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopped = true;
    const all = [...this.#asked, ...this.#queue];
    this.#asked = [];
    this.#queue = [];
    end(all, "KV_STOPPED");
    assert(this.count === 0, "auth appeals: one waits after the stop");
  }
}

/** Ends those that were not heard. */
function end(appeals: readonly Appeal[], why: KvErrorCode): void {
  for (const { code, done, stands } of appeals) {
    done(stands ? code : why);
  }
}
