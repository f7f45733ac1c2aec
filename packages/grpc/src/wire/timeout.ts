/** The `grpc-timeout` header: up to eight digits and a unit. */
import { status } from "../status.ts";
import { StatusError } from "./status-error.ts";

const unitMs: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1000],
  ["m", 1],
  ["u", 1e-3],
  ["n", 1e-6],
]);

function malformed(why: string): StatusError {
  // grpc-go answers INTERNAL here, not INVALID_ARGUMENT; clients that look see the same.
  return new StatusError(status.internal, `malformed grpc-timeout: transport: ${why}`);
}

/**
 * Milliseconds of a `grpc-timeout`, possibly a fraction.
 *
 * @throws StatusError for anything that its grammar does not allow.
 */
export function parseTimeoutMs(text: string): number {
  if (text.length < 2) {
    throw malformed(`timeout string is too short: ${JSON.stringify(text)}`);
  }
  if (text.length > 9) {
    throw malformed(`timeout string is too long: ${JSON.stringify(text)}`);
  }
  const unit = unitMs.get(text.charAt(text.length - 1));
  if (unit === undefined) {
    throw malformed(`timeout unit is not recognized: ${JSON.stringify(text)}`);
  }
  let value = 0;
  for (let i = 0; i < text.length - 1; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) {
      throw malformed(`timeout is not a number: ${JSON.stringify(text)}`);
    }
    value = value * 10 + digit;
  }
  return value * unit;
}

/** `timeoutMs` as a `grpc-timeout`, rounded up so that the server never gives up before the client. */
export function formatTimeout(timeoutMs: number): string {
  const milliseconds = Math.max(0, Math.ceil(timeoutMs));
  return milliseconds < 1e8 ? `${milliseconds}m` : `${Math.min(Math.ceil(milliseconds / 1000), 99_999_999)}S`;
}
