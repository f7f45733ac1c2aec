/** The replicated state: keys with their values, and where each node serves HTTP. Every node applies the same commands in the same order. */
import type { JsonStateMachine } from "@quorate/raft-node";

/** What stands in the log. */
export type Command =
  | { readonly op: "set"; readonly key: string; readonly value: string }
  | { readonly op: "delete"; readonly key: string }
  | { readonly op: "serve"; readonly id: number; readonly url: string };

interface Image {
  readonly values: readonly (readonly [string, string])[];
  readonly urls: readonly (readonly [number, string])[];
}

/** A map behind a log. */
export class KeyValueMachine implements JsonStateMachine<Command, boolean> {
  #values = new Map<string, string>();
  #urls = new Map<number, string>();

  /** Whether the key was there before. No clock, no chance, no I/O: this runs on every node, and again after each restart. */
  apply(command: Command): boolean {
    if (command.op === "serve") {
      this.#urls.set(command.id, command.url);
      return true;
    }
    const existed = this.#values.has(command.key);
    if (command.op === "set") {
      this.#values.set(command.key, command.value);
    } else {
      this.#values.delete(command.key);
    }
    return existed;
  }

  snapshot(): Image {
    return { values: [...this.#values], urls: [...this.#urls] };
  }

  restore({ urls, values }: Image): void {
    this.#values = new Map(values);
    this.#urls = new Map(urls);
  }

  /** All pairs by key. */
  get pairs(): readonly (readonly [string, string])[] {
    return [...this.#values].sort(([left], [right]) => (left < right ? -1 : 1));
  }

  get size(): number {
    return this.#values.size;
  }

  /** Where node `id` answers HTTP; undefined until it said so. */
  url(id: number): string | undefined {
    return this.#urls.get(id);
  }
}
