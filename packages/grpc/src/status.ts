/** The status codes of gRPC. Numbers and meanings are fixed by its specification; the wire carries the number. */

/**
 * gRPC status codes by name.
 *
 * @example
 * ```ts
 * import { status } from "@quorate/grpc";
 * status.unavailable; // 14
 * ```
 */
export const status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** A gRPC status code, 0 … 16. */
export type StatusCode = (typeof status)[keyof typeof status];
