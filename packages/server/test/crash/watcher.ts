/** A watcher that resumes behind the last revision it saw, on another member when its own dies. */
import { utf8Decode } from "@quorate/base";
import { create, fromBinary, toBinary, Watch } from "@quorate/etcd/messages";
import type { ClientStream } from "@quorate/grpc";
import { Members, pathOf } from "./members.ts";

const method = Watch.method.watch;

/** One event, in a form that can be compared. */
export interface Seen {
  readonly revision: number;
  readonly text: string;
  /** When it came, on the clock of `performance.now`. */
  readonly atMs: number;
}

export class Watcher {
  readonly seen: Seen[] = [];
  /** How often the stream had to be opened. */
  openedCount = 0;
  readonly #members: Members;
  readonly #range: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array };
  #next: number;
  #stream: ClientStream | null = null;
  #stopped = false;

  /** Watches from revision 1 on, at first at the member of `turn`. */
  constructor(urls: readonly string[], turn: number, range: { key: Uint8Array; rangeEnd: Uint8Array }) {
    this.#members = new Members(urls, turn);
    this.#range = range;
    this.#next = 1;
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.cancel();
    this.#members.close();
  }

  #open(): void {
    this.openedCount++;
    const stream = this.#members.client.stream(
      pathOf(method),
      {},
      {
        message: (bytes) => this.#take(bytes),
        ended: () => {
          if (!this.#stopped) {
            this.#members.moveOn();
            setTimeout(() => this.#stopped || this.#open(), 20);
          }
        },
      },
    );
    this.#stream = stream;
    const value = { ...this.#range, startRevision: BigInt(this.#next) };
    stream.write(
      toBinary(method.input, create(method.input, { requestUnion: { case: "createRequest", value } })),
    );
  }

  #take(bytes: Uint8Array): void {
    const answer = fromBinary(method.output, bytes);
    if (answer.canceled) {
      throw new Error(`the watch was cancelled: ${answer.cancelReason}`);
    }
    for (const { kv, type } of answer.events) {
      const revision = Number(kv?.modRevision ?? -1n);
      const value = utf8Decode(kv?.value ?? new Uint8Array(0));
      const text = `${revision} ${type === 0 ? "put" : "delete"} ${utf8Decode(kv?.key ?? new Uint8Array(0))} ${value}`;
      this.seen.push({ revision, text, atMs: performance.now() });
      this.#next = revision + 1;
    }
  }
}
