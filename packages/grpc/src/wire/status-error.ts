/** A wire rule that the peer broke, with the status that tells it so. Input from outside: caught, answered, never fatal. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  /** gRPC status code. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
