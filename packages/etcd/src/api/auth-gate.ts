/**
 * The gate through which every call comes: finds out who calls, asks for what the method's rule asks, and puts that name on
 * each command that the call leads to. What a name may do with keys is decided where they are read, and for commands where
 * they are applied; here is only who it is.
 */
import { assert, ByteWriter, must } from "@quorate/base";
import { type KvErrorCode, type Principal, type RequestOp, writeOnBehalf } from "@quorate/kv";
import type {
  ApiCall,
  ApiMethod,
  BidiApiCall,
  CallMetadata,
  ReplicationStatus,
  SignedTokenPort,
  StorePort,
} from "../ports.ts";
import { type AuthRule, authRules } from "./auth-rules.ts";
import { AuthTokens } from "./auth-tokens.ts";
import { failWith } from "./failures.ts";

/** Who calls; a refusal where that cannot be found out. Null: nobody. */
type Identity = Principal | null | "KV_INVALID_AUTH_TOKEN";

/** What the gate needs of the member. */
interface GateOptions {
  readonly store: StorePort;
  readonly signedTokens?: SignedTokenPort;
  readonly tokenTtlMs: number;
  /** How long a token is waited for that the log may bring. */
  readonly tokenWaitMs: number;
  readonly nowMs: () => number;
  readonly status: () => ReplicationStatus;
}

/** ETCD: how a token may be announced. */
const bearer = "Bearer ";

/** See the head of this file. */
export class AuthGate {
  readonly tokens: AuthTokens;
  readonly #store: StorePort;
  readonly #signedTokens: SignedTokenPort | undefined;
  /** Who made the calls that are being served. Empty while access control is off. */
  readonly #principals: WeakMap<ApiCall, Principal> = new WeakMap();
  readonly #writer = new ByteWriter(4096);

  constructor(options: GateOptions) {
    this.#store = options.store;
    this.#signedTokens = options.signedTokens;
    const clock = {
      get nowMs() {
        return options.nowMs();
      },
      get appliedIndex() {
        return options.status().applied;
      },
    };
    this.tokens = new AuthTokens(clock, options.tokenTtlMs, options.tokenWaitMs);
  }

  /** `method` behind its rule. */
  guard(path: string, method: ApiMethod): ApiMethod {
    const rule = must(authRules.get(path), "auth gate: a method without a rule");
    if (rule === "public" || rule === "each") {
      return method;
    }
    switch (method.kind) {
      case "unary":
        return {
          kind: "unary",
          handle: (request, call) => {
            // PERF: this question is all that access control costs a call where it is off.
            if (this.#store.auth.enabled) {
              this.#admit(rule, call, () => method.handle(request, call));
            } else {
              method.handle(request, call);
            }
          },
        };
      case "server-stream":
        return {
          kind: "server-stream",
          handle: (request, call) => this.#admit(rule, call, () => method.handle(request, call)),
        };
      case "bidi":
        return { kind: "bidi", handle: (call) => this.#admit(rule, call, () => method.handle(call)) };
    }
  }

  /** For one message of a stream: finds out who sent it, now, and goes on in order; see the rule `each`. */
  identifyEach(call: BidiApiCall, done: (identity: Identity) => void): void {
    if (!this.#store.auth.enabled) {
      done(null);
      return;
    }
    let answered = false;
    let waits = false;
    this.#identify(call, (identity) => {
      answered = true;
      if (!call.ended) {
        done(identity);
      }
      if (waits && !call.ended) {
        call.resume();
      }
    });
    if (!answered) {
      waits = true;
      call.pause();
    }
  }

  /** Who made the call; null for nobody, and while access control is off. */
  principalOf(call: ApiCall): Principal | null {
    return this.#principals.get(call) ?? null;
  }

  /** Why whoever made the call may not run `op` on the local state; null when it may. */
  refuseOp(call: ApiCall, op: RequestOp): KvErrorCode | null {
    const { auth } = this.#store;
    return auth.enabled
      ? auth.refuseOp(this.principalOf(call), op, (lease) => this.#store.leaseKeys(lease))
      : null;
  }

  /** Why whoever made the call may not read every key of the range; null when it may. */
  refuseRead(call: ApiCall, key: Uint8Array, rangeEnd: Uint8Array): KvErrorCode | null {
    return this.#store.auth.refuseRange(this.principalOf(call), "read", key, rangeEnd);
  }

  /** Why whoever made the call may not administer; null when it may. */
  refuseAdmin(call: ApiCall): KvErrorCode | null {
    return this.#store.auth.refuseAdmin(this.principalOf(call));
  }

  /** The command with the name of whoever made the call on it. */
  sign(call: ApiCall, command: Uint8Array): Uint8Array {
    const principal = this.principalOf(call);
    return principal === null ? command : this.#signed(principal, command);
  }

  /** The command as one of the member itself. */
  signOwn(command: Uint8Array): Uint8Array {
    return this.#store.auth.enabled ? this.#signed({ kind: "server" }, command) : command;
  }

  #signed(principal: Principal, command: Uint8Array): Uint8Array {
    this.#writer.reset();
    writeOnBehalf(this.#writer, principal, command);
    const signed = this.#writer.finish();
    assert(signed.length > command.length, "auth gate: nothing was added");
    return signed;
  }

  #admit(rule: AuthRule, call: ApiCall, serve: () => void): void {
    if (!this.#store.auth.enabled) {
      serve();
      return;
    }
    this.#identify(call, (identity) => {
      if (call.ended) {
        return;
      }
      const refused = identity === "KV_INVALID_AUTH_TOKEN" ? identity : this.#refuse(rule, identity);
      if (refused !== null) {
        failWith(call, refused);
        return;
      }
      if (identity !== null && identity !== "KV_INVALID_AUTH_TOKEN") {
        this.#principals.set(call, identity);
      }
      serve();
    });
  }

  #refuse(rule: AuthRule, principal: Principal | null): KvErrorCode | null {
    const { auth } = this.#store;
    switch (rule) {
      case "root":
        return auth.refuseAdmin(principal);
      case "user": {
        const gone = principal?.kind === "user" && auth.user(principal.name) === null;
        // ETCD: differs, who bears the token of a user that is gone is not let in anywhere.
        return auth.refuseStranger(principal) ?? (gone ? "KV_PERMISSION_DENIED" : null);
      }
      case "anybody":
      case "public":
      case "each":
        return null;
    }
  }

  #identify(call: ApiCall, done: (identity: Identity) => void): void {
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
      this.tokens.find(token, (user) => {
        const { revision } = this.#store.auth;
        done(user === null ? "KV_INVALID_AUTH_TOKEN" : { kind: "user", name: user, authRevision: revision });
      });
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
