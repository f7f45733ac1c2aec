/** How the process ends, for scripts. The last two are those of sysexits.h. */

/** Exit codes of every command. */
export const exitCode = {
  ok: 0,
  /** Could not start or go on: a port, a folder, an unreachable endpoint. */
  failure: 1,
  /** Wrong flags or arguments. */
  usage: 2,
  /** A broken invariant or an exception nobody expected: fail-stop. */
  internal: 70,
  /** A disk that failed to make bytes durable: nothing may be acknowledged any more. */
  storage: 74,
} as const;

/** What a command tells the operator in one line; not a bug, so without a stack. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: number;

  constructor(message: string, code: number = exitCode.failure, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
