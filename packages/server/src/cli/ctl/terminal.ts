/** Standard input and the terminal: secrets, lines, whole content. */
import { createInterface } from "node:readline";
import { CtlError, ctlExit } from "./ctl-error.ts";

/** All of standard input. */
export async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Lines of standard input, one at a time. */
export class LineReader {
  readonly #lines: AsyncIterator<string>;
  readonly #close: () => void;

  constructor() {
    const reader = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    this.#lines = reader[Symbol.asyncIterator]();
    this.#close = () => reader.close();
  }

  /** The next line without its end, or null when there is none. */
  async next(): Promise<string | null> {
    const { done, value } = await this.#lines.next();
    return done === true ? null : value;
  }

  close(): void {
    this.#close();
  }
}

/** Asks for something that is not shown while it is typed; without a terminal, a line of standard input. */
export async function askSecret(prompt: string): Promise<string> {
  if (process.stdin.isTTY !== true) {
    const lines = new LineReader();
    const line = await lines.next();
    lines.close();
    if (line === null) {
      throw new CtlError("failed to ask for a password: standard input is empty", ctlExit.badArguments);
    }
    return line;
  }
  process.stderr.write(prompt);
  return readHidden();
}

const key = {
  enter: ["\r", "\n"],
  interrupt: "\u0003",
  endOfInput: "\u0004",
  erase: ["\u007f", "\b"],
} as const;

function readHidden(): Promise<string> {
  const { stdin } = process;
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.resume();
  return new Promise((resolve) => {
    let typed = "";
    const finish = (): void => {
      stdin.off("data", listener);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write("\n");
    };
    const listener = (text: string): void => {
      for (const character of text) {
        if (key.enter.some((one) => one === character) || character === key.endOfInput) {
          finish();
          resolve(typed);
          return;
        }
        if (character === key.interrupt) {
          finish();
          process.kill(process.pid, "SIGINT");
          return;
        }
        typed = key.erase.some((one) => one === character) ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on("data", listener);
  });
}

/** Aborts with Ctrl-C or SIGTERM, for commands that have something to give back first. A second one ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(signal));
  }
  return controller.signal;
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
