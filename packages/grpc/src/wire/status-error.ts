/** How a broken rule of the wire travels from where it is found to where it is answered. */
import type { StatusCode } from "../status.ts";

/** A wire rule that the peer broke, with the status that tells it so. Input from outside: caught, answered, never fatal. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  /** gRPC status code. */
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string) {
    super(message);
    this.code = code;
  }
}
