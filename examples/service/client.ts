/**
 * A client that needs to know one living member: it asks around for the leader, passes over members that are dead or slow, and follows
 * redirects. What may have been applied is never sent again; the caller is told that nobody knows.
 */
import { setTimeout as delay } from "node:timers/promises";

/** How long a member may take to say who leads, and how long the whole search may take. */
const askMs = 1000;
const searchMs = 10_000;
/** Longer than a member takes to give up itself. */
const requestMs = 5000;

/** A request that failed; `maybeApplied` says whether it may have taken effect. */
class ClientError extends Error {
  override readonly name = "ClientError";
  readonly maybeApplied: boolean;

  constructor(message: string, maybeApplied: boolean) {
    super(maybeApplied ? `${message}; the outcome is unknown, look before you try again` : message);
    this.maybeApplied = maybeApplied;
  }
}

/** Talks to whoever leads. */
export class Client {
  readonly #addresses: readonly string[];

  /** Some members' addresses; the others are learned. */
  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** Asks a question; may be repeated at will. */
  query(body: unknown): Promise<unknown> {
    return this.#request("/query", body);
  }

  /** Changes something, once. */
  command(body: unknown): Promise<unknown> {
    return this.#request("/command", body);
  }

  async #request(path: "/query" | "/command", body: unknown): Promise<unknown> {
    const untilMs = performance.now() + searchMs;
    for (;;) {
      const leader = await this.#findLeader(untilMs);
      const outcome = await post(leader, path, body);
      if (outcome.kind === "value") {
        return outcome.value;
      }
      const again = path === "/query" || !outcome.maybeApplied;
      if (!again || performance.now() > untilMs) {
        throw new ClientError(outcome.error, path === "/command" && outcome.maybeApplied);
      }
      await delay(100);
    }
  }

  /** Asks member after member, until one names a leader that answers. */
  async #findLeader(untilMs: number): Promise<string> {
    do {
      for (const address of this.#addresses) {
        const leader = await askForLeader(address);
        if (leader !== null && (leader === address || (await askForLeader(leader)) !== null)) {
          return leader;
        }
      }
      await delay(100);
    } while (performance.now() < untilMs);
    throw new ClientError(`no leader found through ${this.#addresses.join(" ")}`, false);
  }
}

async function askForLeader(address: string): Promise<string | null> {
  try {
    const response = await fetch(`http://${address}/leader`, { signal: AbortSignal.timeout(askMs) });
    const { leader } = (await response.json()) as { leader: string | null };
    return leader;
  } catch {
    return null; // Dead, stopped, or cut off: there are others.
  }
}

type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: string; readonly maybeApplied: boolean };

async function post(address: string, path: string, body: unknown): Promise<Outcome> {
  try {
    const response = await fetch(`http://${address}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestMs),
      redirect: "follow",
    });
    const answer = (await response.json()) as { value?: unknown; error?: string; maybeApplied?: boolean };
    return response.status === 200
      ? { kind: "value", value: answer.value }
      : { kind: "failed", error: answer.error ?? "refused", maybeApplied: answer.maybeApplied ?? false };
  } catch (error) {
    // A connection that was never made carried nothing.
    const refused = error instanceof Error && (error.cause as { code?: string })?.code === "ECONNREFUSED";
    return { kind: "failed", error: `${address} does not answer`, maybeApplied: !refused };
  }
}
