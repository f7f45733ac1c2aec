/** `store`: many writes at once, with progress. Each is tried at one node after another until one says that it is stored. */
import { setTimeout as delay } from "node:timers/promises";

/** The flags of `store`. */
export interface StoreFlags {
  readonly leaderAddr: string;
  readonly count: number;
  readonly concurrency: number;
  readonly prefix: string;
}

/** Writes `count` keys, prints progress, and throws when a write stays unanswered for too long. */
export async function storeKeys({ concurrency, count, leaderAddr, prefix }: StoreFlags): Promise<void> {
  const nodes = new Nodes(leaderAddr);
  await nodes.learn();
  const startedMs = performance.now();
  let next = 0;
  let stored = 0;
  const progress = (): void => {
    const seconds = (performance.now() - startedMs) / 1000;
    const line = `${stored} of ${count} stored, ${Math.round(stored / seconds)} writes/s`;
    process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`);
  };
  const timer = setInterval(progress, process.stdout.isTTY ? 100 : 500);
  const writer = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      // The same key with the same value: to send it again after an unknown end does no harm.
      await nodes.store(`${prefix}${number}`, `value-${number}`);
      stored++;
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, writer));
  } finally {
    clearInterval(timer);
    progress();
  }
  const retried = nodes.retries === 0 ? "none" : String(nodes.retries);
  console.log(`${process.stdout.isTTY ? "\n" : ""}all ${count} writes are stored, ${retried} sent again`);
}

const patienceMs = 30_000;

/** The servers of the cluster, the one that answered last first. */
class Nodes {
  #urls: string[];
  #present = 0;
  retries = 0;

  constructor(first: string) {
    this.#urls = [first.replace(/\/$/, "")];
  }

  /** Asks for the addresses of the others, while there is somebody to ask. */
  async learn(): Promise<void> {
    const answer = await fetch(`${this.#urls[0]}/status`).catch((cause: Error) => {
      throw new Error(`${this.#urls[0]} does not answer: ${String(cause.cause ?? cause)}`);
    });
    const { members } = (await answer.json()) as { members: { http: string | null }[] };
    const others = members.map(({ http }) => http).filter((url) => url !== null);
    this.#urls = [...new Set([...this.#urls, ...others])];
  }

  async store(key: string, value: string): Promise<void> {
    const body = JSON.stringify({ key, value });
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const asked = this.#present;
      const problem = await post(`${this.#urls[asked]}/store`, body);
      if (problem === null) {
        return;
      }
      if (performance.now() > untilMs) {
        throw new Error(`${key} is not stored: ${problem}`);
      }
      this.retries++;
      if (this.#present === asked) {
        this.#present = (asked + 1) % this.#urls.length;
      }
      await delay(50);
    }
  }
}

/** Null when the write is stored, else what went wrong. @throws Error when it is refused for good. */
async function post(url: string, body: string): Promise<string | null> {
  let answer: Response;
  try {
    answer = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    return `${url}: ${String(error)}`;
  }
  const text = await answer.text();
  if (answer.status >= 400 && answer.status < 500) {
    throw new Error(`${url} refused: ${text.trim()}`);
  }
  return answer.ok ? null : `${url}: ${text.trim()}`;
}
