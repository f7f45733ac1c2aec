/**
 * Proofs of identity: a password against its hash, then a token. The comparison takes long and happens elsewhere, so the
 * rights may change meanwhile; a token is given out only for the rights that were looked at, else all is done again.
 */
import { assert } from "@quorate/base";
import type { PasswordPort, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { failUnimplemented, failUnknown, failWith } from "./failures.ts";
import type { Pending } from "./pending.ts";

/** ETCD: its text, which has no code. */
const noPasswordUser = "auth: authentication failed, password was given for no password user";
/** ETCD: the same, of a member that has only the key to check tokens. */
const verifyOnly = "auth: token signing attempted with verify-only key";

/** ETCD: 16 letters make a token unpredictable. */
const nonceLetters = 16;
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

interface Attempt {
  readonly call: UnaryApiCall;
  readonly name: string;
  readonly password: string;
  readonly deadlineMs: number;
  readonly issued: (token: string) => void;
}

/** See the head of this file. */
export class Authenticator {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /** Calls `issued` with a token; otherwise `call` failed. */
  authenticate(call: UnaryApiCall, name: string, password: string, issued: (token: string) => void): void {
    const port = this.#port(call);
    if (port !== null) {
      const deadlineMs = this.#context.nowMs + this.#context.options.limits.requestTimeoutMs;
      this.#attempt(port, { call, name, password, deadlineMs, issued });
    }
  }

  /** Calls `hashed` with the password's hash; otherwise `call` failed. */
  hash(call: UnaryApiCall, password: string, hashed: (hash: string) => void): void {
    const port = this.#port(call);
    if (port === null) {
      return;
    }
    const pending = this.#context.wait(call, () => failWith(call, "KV_TIMEOUT"));
    this.#hold(pending, (settle) =>
      port.hash(password, (hash) =>
        settle(() => {
          if (hash === null) {
            failWith(call, "KV_REQUEST_TOO_MANY_REQUESTS");
          } else {
            hashed(hash);
          }
        }),
      ),
    );
  }

  /** The barrier makes what is looked at as new as the request. */
  #attempt(port: PasswordPort, attempt: Attempt): void {
    const { call, name, password } = attempt;
    if (this.#context.nowMs > attempt.deadlineMs) {
      failWith(call, "KV_TIMEOUT");
      return;
    }
    this.#context.readBarrier(call, () => {
      const { auth } = this.#context.options.store;
      const user = auth.user(name);
      if (!auth.enabled) {
        failWith(call, "KV_AUTH_NOT_ENABLED");
        return;
      }
      if (user !== null && user.passwordHash === null) {
        failUnknown(call, noPasswordUser);
        return;
      }
      const checkedRevision = auth.revision;
      const pending = this.#context.wait(call, () => failWith(call, "KV_TIMEOUT"));
      // A user that does not exist costs what a wrong password costs.
      this.#hold(pending, (settle) =>
        port.compare(password, user?.passwordHash ?? null, (outcome) =>
          settle(() => this.#compared(port, attempt, checkedRevision, outcome)),
        ),
      );
    });
  }

  #compared(
    port: PasswordPort,
    attempt: Attempt,
    checkedRevision: number,
    outcome: "same" | "different" | "busy",
  ): void {
    switch (outcome) {
      case "same":
        this.#issue(port, attempt, checkedRevision);
        break;
      case "different":
        this.#context.options.onAuthEvent?.({ kind: "authentication-failed", user: attempt.name });
        failWith(attempt.call, "KV_AUTH_FAILED");
        break;
      case "busy":
        failWith(attempt.call, "KV_REQUEST_TOO_MANY_REQUESTS");
    }
  }

  #issue(port: PasswordPort, attempt: Attempt, checkedRevision: number): void {
    const { signedTokens, store } = this.#context.options;
    const { call, issued, name } = attempt;
    if (signedTokens === undefined) {
      this.#issueSimple(port, attempt, checkedRevision);
      return;
    }
    if (store.auth.revision !== checkedRevision) {
      this.#attempt(port, attempt);
      return;
    }
    const pending = this.#context.wait(call, () => failWith(call, "KV_TIMEOUT"));
    signedTokens.sign(name, checkedRevision, (token) => {
      if (!this.#context.pending.settle(pending)) {
        return;
      }
      if (token === null) {
        failUnknown(call, verifyOnly);
      } else {
        issued(token);
      }
    });
  }

  /** ETCD: the token goes through the log, and so to every member. */
  #issueSimple(port: PasswordPort, attempt: Attempt, checkedRevision: number): void {
    const command = this.#context.encode({
      type: "auth",
      op: "authenticate",
      user: attempt.name,
      nonce: this.#nonce(),
      checkedRevision,
    });
    const again = (code: string): boolean => {
      if (code === "KV_AUTH_OLD_REVISION") {
        this.#attempt(port, attempt);
        return true;
      }
      return false;
    };
    this.#context.submitThen(
      attempt.call,
      command,
      (result) => {
        assert(result.type === "auth" && result.token !== null, "authenticator: no token");
        attempt.issued(result.token);
      },
      again,
    );
  }

  /** Letters without a bias: of the numbers that are drawn, those beyond the last whole alphabet are drawn again. */
  #nonce(): string {
    const { random } = this.#context.options;
    const bound = 2 ** 32 - (2 ** 32 % letters.length);
    let nonce = "";
    while (nonce.length < nonceLetters) {
      const drawn = random.uint32();
      if (drawn < bound) {
        nonce += letters.charAt(drawn % letters.length);
      }
    }
    return nonce;
  }

  /** Waits for what a port takes over; it may call back before it returns. */
  #hold(
    pending: Pending,
    begin: (settle: (then: () => void) => void) => NonNullable<Pending["handle"]>,
  ): void {
    let ended = false;
    const handle = begin((then) => {
      ended = true;
      if (this.#context.pending.settle(pending)) {
        then();
      }
    });
    pending.handle = ended ? null : handle;
  }

  #port(call: UnaryApiCall): PasswordPort | null {
    const { passwords } = this.#context.options;
    if (passwords === undefined) {
      failUnimplemented(call);
    }
    return passwords ?? null;
  }
}
