/** A log that keeps its last lines in memory, to be shown when a test fails. */
import type { Logger } from "../logging/logger.ts";

const lineCountMax = 200;

/** Takes lines of every level. */
export class MemoryLog implements Logger {
  #lines: string[] = [];

  /** The last lines, the newest at the end. */
  get text(): string {
    return this.#lines.join("\n");
  }

  debug(): void {
    // Too many to keep, and of no use without the ones before.
  }

  info(message: string, fields?: object): void {
    this.#keep("info", message, fields);
  }

  warn(message: string, fields?: object): void {
    this.#keep("warn", message, fields);
  }

  error(message: string, fields?: object): void {
    this.#keep("error", message, fields);
  }

  fatal(message: string, fields?: object): void {
    this.#keep("fatal", message, fields);
  }

  #keep(level: string, message: string, fields: object | undefined): void {
    this.#lines.push(`${level}\t${message}${fields === undefined ? "" : `\t${JSON.stringify(fields)}`}`);
    if (this.#lines.length > 2 * lineCountMax) {
      this.#lines = this.#lines.slice(-lineCountMax);
    }
  }
}
