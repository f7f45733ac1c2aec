/** A map from keys to JSON values that all members agree on. */
import { isDeepStrictEqual } from "node:util";
import type { QueryMachine } from "../service/server.ts";

/** `put` sets a key, `cas` sets it if its value is what is expected. */
export type Command =
  | { readonly type: "put"; readonly key: string; readonly value: unknown }
  | { readonly type: "cas"; readonly key: string; readonly expected: unknown; readonly value: unknown };

/** What is asked. */
interface Query {
  readonly key: string;
}

/** A value that is there; null stands for a key that is not. */
export type Found = { readonly value: unknown } | null;

/** `put` answers with what was there before, `cas` with whether it took place. */
export class HashMap implements QueryMachine<Command, Found | boolean, Query> {
  #values: Map<string, unknown> = new Map();

  isCommand(body: unknown): body is Command {
    const command = (body ?? {}) as Record<string, unknown>;
    const known = command["type"] === "put" || (command["type"] === "cas" && "expected" in command);
    return known && typeof command["key"] === "string" && "value" in command;
  }

  isQuery(body: unknown): body is Query {
    return typeof (body as { key?: unknown } | null)?.key === "string";
  }

  apply(command: Command): Found | boolean {
    const found = this.query(command);
    if (command.type === "put") {
      this.#values.set(command.key, command.value);
      return found;
    }
    // A key that is not there has no value that could be expected, not even null.
    if (found === null || !isDeepStrictEqual(found.value, command.expected)) {
      return false;
    }
    this.#values.set(command.key, command.value);
    return true;
  }

  query({ key }: Query): Found {
    return this.#values.has(key) ? { value: this.#values.get(key) } : null;
  }

  snapshot(): [string, unknown][] {
    return [...this.#values];
  }

  restore(image: [string, unknown][]): void {
    this.#values = new Map(image);
  }
}
