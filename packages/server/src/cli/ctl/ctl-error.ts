/** What a client command tells its user when it fails, and the exit codes of etcdctl, which scripts look at. */

/** ETCD: exit codes of etcdctl. */
export const ctlExit = {
  ok: 0,
  /** The cluster, or the command line's own form, said no. */
  error: 1,
  /** A connection, or a lease, that is gone. */
  badConnection: 2,
  /** Standard input that does not parse. */
  invalidInput: 3,
  /** An output format, sort order or load that does not exist. */
  badFeature: 4,
  /** Ended before it was done: a watch that the server cancelled, a snapshot that was not written. */
  interrupted: 5,
  /** Missing or contradicting arguments. */
  badArguments: 128,
} as const;

/** A failure in one line. */
export class CtlError extends Error {
  override readonly name = "CtlError";
  readonly code: number;
  /** Whether the command's usage helps. */
  readonly showUsage: boolean;
  /** Lines to tell before it. */
  readonly warnings: readonly string[];

  constructor(
    message: string,
    code: number = ctlExit.error,
    showUsage = false,
    options?: ErrorOptions & { readonly warnings?: readonly string[] },
  ) {
    super(message, options);
    this.warnings = options?.warnings ?? [];
    this.code = code;
    this.showUsage = showUsage;
  }
}

/** A command line that lacks something. */
export function badArguments(message: string): CtlError {
  return new CtlError(message, ctlExit.badArguments);
}
