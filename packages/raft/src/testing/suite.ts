/** What the contract suites need of a test runner: `node:test`'s `test` fits, and so do others. */
import { assert } from "@quorate/base";
import type { CompletedWith } from "../host/ports.ts";

/** Registers one test; it fails when the Promise rejects. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** A call of a port as a Promise. */
export function completion<T = void>(begin: (completed: CompletedWith<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });
}

/** Stops the test unless `condition` holds. */
export function expect(condition: boolean, promise: string): void {
  assert(condition, promise);
}
