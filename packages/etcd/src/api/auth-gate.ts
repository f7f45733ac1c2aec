/**
 * The gate through which every call comes: finds out who calls, asks for what the method's rule asks, and puts that name on
 * each command that the call leads to. What a name may do with keys is decided where they are read, and for commands where
 * they are applied.
 *
 * This member may lag. What it allows is allowed by the state that is read, or where a command is applied; a refusal may be
 * wrong, so before it is told it is an appeal: the member catches up, and judges once more.
 */
import { assert, ByteWriter, must } from "@quorate/base";
import { type KvErrorCode, type Principal, type RequestOp, writeOnBehalf } from "@quorate/kv";
import type {
  ApiCall,
  ApiMethod,
  BidiApiCall,
  ReplicationStatus,
  SignedTokenPort,
  StorePort,
} from "../ports.ts";
import { AuthAppeals } from "./auth-appeals.ts";
import { Callers, type Identity } from "./auth-caller.ts";
import { type AuthRule, authRules } from "./auth-rules.ts";
import { AuthTokens } from "./auth-tokens.ts";
import { failWith } from "./failures.ts";

/** What the gate needs of the member. */
interface GateOptions {
  readonly store: StorePort;
  readonly signedTokens?: SignedTokenPort;
  readonly tokenTtlMs: number;
  /** How long this member may take to catch up before it refuses. */
  readonly appealWaitMs: number;
  readonly nowMs: () => number;
  readonly status: () => ReplicationStatus;
  /** Calls back once: with null once the local state is as new as the question. */
  readonly barrier: (done: (refused: KvErrorCode | null) => void) => void;
}

/** Calls to look at this one member, which answers them also when it has no leader. */
const ofMember = "/etcdserverpb.Maintenance/";

/** See the head of this file. */
export class AuthGate {
  readonly tokens: AuthTokens;
  readonly #store: StorePort;
  readonly #callers: Callers;
  readonly #appeals: AuthAppeals;
  /** Who made the calls that are being served. Empty while access control is off. */
  readonly #principals: WeakMap<ApiCall, Principal> = new WeakMap();
  /** Calls that were judged again: the next refusal is final. */
  readonly #appealed: WeakSet<ApiCall> = new WeakSet();
  readonly #writer = new ByteWriter(4096);

  constructor(options: GateOptions) {
    this.#store = options.store;
    const clock = {
      get nowMs() {
        return options.nowMs();
      },
      get hasLeader() {
        return options.status().leader !== 0;
      },
      barrier: options.barrier,
    };
    this.tokens = new AuthTokens(clock, options.tokenTtlMs);
    this.#callers = new Callers(options.store, this.tokens, options.signedTokens);
    this.#appeals = new AuthAppeals(clock, options.appealWaitMs);
  }

  /** Ends old tokens, and what waited too long. */
  tick(): void {
    this.tokens.tick();
    this.#appeals.tick();
  }

  /** There may be a leader now. */
  leaderMayHaveChanged(): void {
    this.#appeals.ask();
  }

  /** Ends what waits. */
  stop(): void {
    this.#appeals.stop();
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

  /**
   * For one message of a stream: finds out who sent it, now, asks `judge` about it, and goes on in order with what it says; see
   * the rule `each`. ETCD: streams go on without a leader, so that then a refusal by the local state stands.
   */
  judgeEach(
    call: BidiApiCall,
    judge: (principal: Principal | null) => KvErrorCode | null,
    done: (refused: KvErrorCode | null) => void,
  ): void {
    if (!this.#store.auth.enabled) {
      done(null);
      return;
    }
    let answered = false;
    let waits = false;
    this.#judgeTwice(call, judge, (refused) => {
      answered = true;
      if (!call.ended) {
        done(refused);
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

  /** Whether access control is on, and nobody is known to have made the call. */
  wantsName(call: ApiCall): boolean {
    return this.#store.auth.enabled && this.principalOf(call) === null;
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

  /** Behind a barrier: goes on for a user, and while access control is off; otherwise `call` failed. */
  forUser(call: ApiCall, then: () => void): void {
    const refused = this.#refuse("user", this.principalOf(call));
    if (refused === null) {
      then();
    } else {
      this.reconsider(call, refused, () => this.forUser(call, then));
    }
  }

  /** Why whoever made the call may not administer; null when it may. */
  refuseAdmin(call: ApiCall): KvErrorCode | null {
    return this.#store.auth.refuseAdmin(this.principalOf(call));
  }

  /**
   * Instead of refusing by a local state that may be old: calls `again` once this member has caught up with the moment of the
   * question and has found out once more who calls. Each call has one; after it, the refusal is told.
   */
  appeal(call: ApiCall, refused: KvErrorCode, again: () => void): void {
    this.#appeal(call, this.principalOf(call), refused, (identity) => this.#goOn(call, identity, again));
  }

  /** {@link appeal} behind a barrier of the call's own: the state is new enough, but who calls was asked before it. */
  reconsider(call: ApiCall, refused: KvErrorCode, again: () => void): void {
    if (this.#isFinal(call)) {
      failWith(call, refused);
      return;
    }
    this.#identifyAgain(call, this.principalOf(call), (identity) => this.#goOn(call, identity, again));
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
    this.#callers.identify(call, (identity) => {
      if (!call.ended) {
        this.#judge(rule, call, identity, serve);
      }
    });
  }

  #judge(rule: AuthRule, call: ApiCall, identity: Identity, serve: () => void): void {
    const refused = identity === "KV_INVALID_AUTH_TOKEN" ? identity : this.#refuse(rule, identity);
    if (refused === null) {
      this.#goOn(call, identity, serve);
    } else {
      this.#appeal(call, identity, refused, (known) => this.#judge(rule, call, known, serve));
    }
  }

  #judgeTwice(
    call: BidiApiCall,
    judge: (principal: Principal | null) => KvErrorCode | null,
    done: (refused: KvErrorCode | null) => void,
  ): void {
    const refusalOf = (identity: Identity): KvErrorCode | null =>
      identity === "KV_INVALID_AUTH_TOKEN" ? identity : judge(identity);
    this.#callers.identify(call, (identity) => {
      const refused = refusalOf(identity);
      if (refused === null || call.ended) {
        done(refused);
        return;
      }
      this.#appeals.wait({ code: refused, stands: true }, (final) => {
        if (final !== null || call.ended) {
          done(final);
        } else {
          this.#callers.identifyAgain(call, identity, (known) => done(refusalOf(known)));
        }
      });
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

  #appeal(call: ApiCall, before: Identity, refused: KvErrorCode, again: (identity: Identity) => void): void {
    if (this.#isFinal(call)) {
      failWith(call, refused);
      return;
    }
    this.#appeals.wait({ code: refused, stands: call.path.startsWith(ofMember) }, (final) => {
      if (call.ended) {
        return;
      }
      if (final === null) {
        this.#identifyAgain(call, before, again);
      } else {
        failWith(call, final);
      }
    });
  }

  /** Whether the call was judged again before; from now on it was. */
  #isFinal(call: ApiCall): boolean {
    const isFinal = this.#appealed.has(call);
    this.#appealed.add(call);
    return isFinal;
  }

  #identifyAgain(call: ApiCall, before: Identity, done: (identity: Identity) => void): void {
    this.#callers.identifyAgain(call, before, (identity) => {
      if (!call.ended) {
        done(identity);
      }
    });
  }

  #goOn(call: ApiCall, identity: Identity, then: () => void): void {
    if (identity === "KV_INVALID_AUTH_TOKEN") {
      failWith(call, identity);
      return;
    }
    if (identity === null) {
      this.#principals.delete(call);
    } else {
      this.#principals.set(call, identity);
    }
    then();
  }
}
