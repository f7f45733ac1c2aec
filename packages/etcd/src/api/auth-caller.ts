/**
 * Who calls, as far as this member knows: by a token that the log brought or that carries its proof, or by the certificate of
 * the connection. What whoever it is may do is not decided here.
 */
import type { Principal } from "@quorate/kv";
import type { ApiCall, CallMetadata, SignedTokenPort, StorePort } from "../ports.ts";
import type { AuthTokens } from "./auth-tokens.ts";

/** Who calls; a refusal where that cannot be found out. Null: nobody. */
export type Identity = Principal | null | "KV_INVALID_AUTH_TOKEN";

/** ETCD: how a token may be announced. */
const bearer = "Bearer ";

/** See the head of this file. */
export class Callers {
  readonly #store: StorePort;
  readonly #tokens: AuthTokens;
  readonly #signedTokens: SignedTokenPort | undefined;

  constructor(store: StorePort, tokens: AuthTokens, signedTokens: SignedTokenPort | undefined) {
    this.#store = store;
    this.#tokens = tokens;
    this.#signedTokens = signedTokens;
  }

  /** Calls back once with who made the call, maybe before it returns. */
  identify(call: ApiCall, done: (identity: Identity) => void): void {
    const token = tokenOf(call.metadata);
    if (token === null) {
      done(this.#certified(call));
    } else if (this.#signedTokens !== undefined) {
      this.#signedTokens.verify(token, (found) => {
        const valid = found !== null && found.user !== "";
        done(
          valid
            ? { kind: "user", name: found.user, authRevision: found.authRevision }
            : "KV_INVALID_AUTH_TOKEN",
        );
      });
    } else {
      const user = this.#tokens.use(token);
      const { revision } = this.#store.auth;
      done(user === null ? "KV_INVALID_AUTH_TOKEN" : { kind: "user", name: user, authRevision: revision });
    }
  }

  /** The same once more, after this member has learnt more. PERF: what a signed token says does not depend on that. */
  identifyAgain(call: ApiCall, before: Identity, done: (identity: Identity) => void): void {
    if (!this.#store.auth.enabled) {
      done(null);
    } else if (before !== null && this.#signedTokens !== undefined && tokenOf(call.metadata) !== null) {
      done(before);
    } else {
      this.identify(call, done);
    }
  }

  /** ETCD: what comes through the JSON gateway bears the gateway's certificate, which is nobody's. */
  #certified(call: ApiCall): Principal | null {
    const name = call.peerCertificateCommonName ?? "";
    if (name === "" || call.metadata.text("grpcgateway-accept") !== null) {
      return null;
    }
    return { kind: "user", name, authRevision: this.#store.auth.revision };
  }
}

/** ETCD: clients send it as `token`, the JSON gateway as `authorization`. */
function tokenOf(metadata: CallMetadata): string | null {
  const text = metadata.text("token") ?? metadata.text("authorization");
  return text?.startsWith(bearer) === true ? text.slice(bearer.length) : text;
}
