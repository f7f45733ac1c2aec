/** The contract of a state machine, for one that speaks JSON. */
import { utf8Encode } from "@quorate/base";
import { stateMachineSuite, type TestFunction } from "@quorate/raft/testing";
import { JsonMachineAdapter, jsonCodec } from "../json-machine.ts";
import type { JsonStateMachine } from "../options.ts";

/** A state machine of JSON commands under test. */
export interface JsonMachineFixture<Command, Result> {
  /** A new, empty one. */
  create(): JsonStateMachine<Command, Result>;
  /** At least four that change the state. */
  readonly commands: readonly Command[];
}

/**
 * Registers the contract as tests: the same commands lead to the same results and image, an image is pinned, a restored machine goes
 * on as the original.
 *
 * @example
 * ```ts
 * import { jsonMachineSuite } from "@quorate/raft-node/testing";
 * const registered: string[] = [];
 * jsonMachineSuite((name) => registered.push(name), {
 *   create: () => {
 *     let sum = 0;
 *     return { apply: (add: number) => (sum += add), snapshot: () => sum, restore: (image: number) => void (sum = image) };
 *   },
 *   commands: [1, 2, 3, 4],
 * });
 * registered.length; // 4
 * ```
 */
export function jsonMachineSuite<Command, Result>(
  test: TestFunction,
  { commands, create }: JsonMachineFixture<Command, Result>,
): void {
  const codec = jsonCodec<Command>();
  stateMachineSuite<Result>(test, {
    create: () => new JsonMachineAdapter(create(), codec),
    commands: commands.map((command) => utf8Encode(JSON.stringify(command))),
    describe: (result) => JSON.stringify(result),
  });
}
