/** A command on its way through the log: who asked for it, and how to go on with what it answers. */
import { assert, type ByteWriter } from "@quorate/base";
import type { KvErrorCode } from "@quorate/kv";
import type { ResponseHeader } from "../codec/header.ts";
import type { SubmitOutcome, UnaryApiCall } from "../ports.ts";
import { failWith, timeoutCode } from "./failures.ts";
import type { ApiOptions } from "./options.ts";
import { Pending } from "./pending.ts";

/** What an applied command answers. */
export type AppliedResult = Exclude<
  Extract<SubmitOutcome, { readonly kind: "applied" }>["result"],
  { readonly type: "refused" }
>;

/** An answer's encoder: appends the message for an applied result. */
export type EncodeResult = (writer: ByteWriter, header: ResponseHeader, result: AppliedResult) => void;

/** Goes on with what an applied command answers. */
export type WithResult = (result: AppliedResult) => void;

/** Whether it took care of the refusal. */
export type WithRefusal = (code: KvErrorCode) => boolean;

/** A command on its way, and who waits for it. PERF: one object for each write, with no closures for what may happen to it. */
export class Submission extends Pending {
  readonly call: UnaryApiCall;
  readonly command: Uint8Array;
  /** Writes the answer; null where somebody goes on with the result. */
  readonly encode: EncodeResult | null;
  readonly goOn: WithResult | null;
  readonly refused: WithRefusal | null;
  /** Whether the port told an outcome since it was asked last. */
  told = false;
  readonly #options: ApiOptions;

  constructor(
    options: ApiOptions,
    nowMs: number,
    call: UnaryApiCall,
    command: Uint8Array,
    encode: EncodeResult | null,
    goOn: WithResult | null,
    refused: WithRefusal | null,
  ) {
    super(nowMs, nowMs + options.limits.requestTimeoutMs);
    assert((encode === null) !== (goOn === null), "submission: one way to go on");
    this.#options = options;
    this.call = call;
    this.command = command;
    this.encode = encode;
    this.goOn = goOn;
    this.refused = refused;
  }

  timedOut(): void {
    const { limits, replication } = this.#options;
    failWith(this.call, timeoutCode(replication.status(), this.startMs, limits.electionTimeoutMs));
  }

  stopped(): void {
    failWith(this.call, "KV_STOPPED");
  }
}
