/** One text that all members agree on. */
import type { QueryMachine } from "../service/server.ts";

/** `put` sets it, `cas` sets it if it is what is expected. */
type Command =
  | { readonly type: "put"; readonly value: string }
  | { readonly type: "cas"; readonly expected: string; readonly value: string };

/** Both commands answer with the value before; null when there was none. */
export class Register implements QueryMachine<Command, string | null, null> {
  #value: string | null = null;

  isCommand(body: unknown): body is Command {
    const { expected, type, value } = (body ?? {}) as { type?: unknown; expected?: unknown; value?: unknown };
    const known = type === "put" || (type === "cas" && typeof expected === "string");
    return known && typeof value === "string";
  }

  isQuery(body: unknown): body is null {
    return body === null;
  }

  apply(command: Command): string | null {
    const previous = this.#value;
    if (command.type === "put" || command.expected === previous) {
      this.#value = command.value;
    }
    return previous;
  }

  query(): string | null {
    return this.#value;
  }

  snapshot(): string | null {
    return this.#value;
  }

  restore(image: string | null): void {
    this.#value = image;
  }
}
