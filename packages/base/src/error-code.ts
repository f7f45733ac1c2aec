/** The system's word for what went wrong, such as `ENOENT`. */

/**
 * The `code` of an error, or null where it has none. Errors of another realm count, too: test runners that give each test file globals of
 * its own hand it errors of the system that are no instances of its `Error`.
 *
 * @example
 * ```ts
 * import { errorCode } from "@quorate/base";
 * errorCode(Object.assign(new Error("no such file"), { code: "ENOENT" })); // "ENOENT"
 * errorCode(new Error("something else")); // null
 * ```
 */
export function errorCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) {
    return null;
  }
  return typeof error.code === "string" ? error.code : null;
}
