/** Messages under way, each kept once under a number from 1; 0 is an empty place on a link. */
import { assert, must } from "@quorate/base";
import { indexZero, type Message, type RawNode, termZero, toTerm } from "@quorate/raft";
import { NumberList } from "./growing.ts";
import { NamedHashes } from "./named-hashes.ts";
import type { Exchange } from "./names.ts";
import { messageText } from "./state-text.ts";

type Leveled = Extract<Message, { readonly type: "append-entries" | "request-vote" | "pre-vote" }>;

/** Numbers of messages take 16 bits where many worlds wait. */
const messageCountMax = 2 ** 16 - 1;

/** What matters of a message to whoever asks whether it still counts. */
type MessageKind = "vote-request" | "vote" | "refusal" | "accepted" | "rejected" | "other";
const kinds: readonly MessageKind[] = ["vote-request", "vote", "refusal", "accepted", "rejected", "other"];

/** See the head of this file. */
export class Messages {
  readonly hashes: NamedHashes;
  readonly #reduced: boolean;
  readonly #known: Message[] = [];
  readonly #byText = new Map<string, number>();
  /** By number − 1. PERF: asked for each head of a link in each step. */
  readonly #terms = new NumberList();
  readonly #kinds = new NumberList();
  readonly #levels = new NumberList();

  constructor(exchanges: readonly Exchange[], reduced: boolean) {
    this.hashes = new NamedHashes("message", exchanges);
    this.#reduced = reduced;
    // The empty place, which no hash is asked for.
    this.hashes.push({ own: "", lines: [] });
  }

  get count(): number {
    return this.#known.length;
  }

  /** The number of a message; messages that do the same have one. `reader` reads changes of the configuration. */
  number(reader: RawNode, message: Message): number {
    const text = messageText(reader, message, this.#reduced);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      return known;
    }
    this.#known.push(message);
    this.#terms.push(message.term);
    this.#kinds.push(kinds.indexOf(kindOf(message)));
    this.hashes.push({ own: text, lines: [] });
    const number = this.#known.length;
    this.#levels.push(number);
    assert(number <= messageCountMax, "explorer: too many messages");
    this.#byText.set(text, number);
    if (message.type === "append-entries" || message.type === "request-vote") {
      this.#levels.set(number - 1, this.number(reader, leveled(message)));
    }
    return number;
  }

  /** Of appends, and of requests for a vote, between two members the one that stands for all that come too late; any other message itself. */
  level(number: number): number {
    return this.#levels.at(number - 1);
  }

  get(number: number): Message {
    return must(this.#known[number - 1], "explorer: no such message");
  }

  term(number: number): number {
    return this.#terms.at(number - 1);
  }

  kind(number: number): MessageKind {
    return kinds[this.#kinds.at(number - 1)] as MessageKind;
  }

  /** Whether it is an answer to an append that acknowledges nothing. */
  isOfNoIndex(number: number): boolean {
    const message = this.get(number);
    return message.type === "append-response" && message.index === 0;
  }

  isAppendAnswer(number: number): boolean {
    const kind = this.kind(number);
    return kind === "accepted" || kind === "rejected";
  }
}

/** Of the first term, and of nothing. */
function leveled(message: Leveled): Leveled {
  const nothing = { term: termZero, index: indexZero };
  return message.type === "append-entries"
    ? { ...message, term: toTerm(1), previous: nothing, commit: indexZero, entries: [] }
    : { ...message, term: toTerm(1), last: nothing, leadershipTransfer: false };
}

function kindOf(message: Message): MessageKind {
  switch (message.type) {
    case "request-vote":
      return "vote-request";
    case "vote-response":
      return message.granted ? "vote" : "refusal";
    case "append-response":
      return message.rejected ? "rejected" : "accepted";
    default:
      return "other";
  }
}
