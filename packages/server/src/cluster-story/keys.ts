/** The keys of a terminal: a letter says what, and where a server is needed, the next key says which. */
import type { Action, Target } from "./script.ts";

/** Printed for `?`, and once at the start. */
export const keyHelp: string = [
  "k kill   p pause   i isolate   t transfer   r remove   then a server's number, or l for the leader",
  "h heal everything   a add a server   w write   q or Ctrl-C quit   ? this help",
].join("\n");

type Verb = "kill" | "pause" | "isolate" | "transfer" | "remove";

const verbs: Readonly<Record<string, Verb>> = {
  k: "kill",
  p: "pause",
  i: "isolate",
  t: "transfer",
  r: "remove",
};

const lone: Readonly<Record<string, Action>> = {
  h: { do: "heal" },
  a: { do: "add" },
  w: { do: "write", count: 1 },
  q: { do: "quit" },
  "\u0003": { do: "quit" },
  "\u0004": { do: "quit" },
};

/** What a key leads to. */
interface KeyListener {
  act(action: Action): void;
  /** Prints for the one at the keys. */
  say(text: string): void;
}

/** Reads keys one by one. */
export class Keys {
  readonly #listener: KeyListener;
  #verb: Verb | null = null;

  constructor(listener: KeyListener) {
    this.#listener = listener;
  }

  /** Takes what the terminal sent: one key, or several that were typed quickly. */
  typed(text: string): void {
    for (const key of text) {
      this.#key(key);
    }
  }

  #key(key: string): void {
    const action = lone[key];
    if (action?.do === "quit") {
      this.#listener.act(action);
    } else if (this.#verb !== null) {
      this.#which(this.#verb, key);
    } else if (action !== undefined) {
      this.#listener.act(action);
    } else if (verbs[key] !== undefined) {
      this.#verb = verbs[key];
      this.#listener.say(`${this.#verb} which server? (number, l: the leader)`);
    } else {
      this.#listener.say(keyHelp);
    }
  }

  #which(verb: Verb, key: string): void {
    this.#verb = null;
    const target: Target | null = key === "l" ? "leader" : /^[1-9]$/.test(key) ? Number(key) : null;
    if (target === null) {
      this.#listener.say(`${verb}: never mind`);
    } else if (verb === "isolate") {
      this.#listener.act({ do: "partition", groups: [[target]] });
    } else {
      this.#listener.act({ do: verb, target });
    }
  }
}
