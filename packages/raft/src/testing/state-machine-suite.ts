/** The contract of {@link StateMachine}, as tests that every state machine must pass. */
import { concatBytes, equalBytes } from "@quorate/base";
import type { ApplyContext, StateMachine, StateMachineImage } from "../host/ports.ts";
import { toLogIndex, toTerm } from "../types/ids.ts";
import { expect, type TestFunction } from "./suite.ts";

/** A state machine under test. */
export interface StateMachineFixture<Result> {
  create(): StateMachine<Result>;
  /** At least four commands that change the state. */
  readonly commands: readonly Uint8Array[];
  /** Results as text, to compare them; at once, because they may hold views. */
  describe(result: Result): string;
}

function context(index: number): ApplyContext {
  return { index: toLogIndex(index), term: toTerm(1) };
}

function readAll(image: StateMachineImage, chunkBytes = 7): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = image.read(chunkBytes); chunk !== null; chunk = image.read(chunkBytes)) {
    expect(chunk.length > 0, "a chunk holds at least one byte");
    chunks.push(chunk.slice());
  }
  image.close();
  return concatBytes(chunks);
}

class Suite<Result> {
  readonly #fixture: StateMachineFixture<Result>;

  constructor(fixture: StateMachineFixture<Result>) {
    expect(fixture.commands.length >= 4, "at least four commands");
    this.#fixture = fixture;
  }

  /** Applies commands `[from, to)`, the first of the suite at index 1. */
  #apply(machine: StateMachine<Result>, from: number, to: number): string[] {
    return this.#fixture.commands
      .slice(from, to)
      .map((command, i) => this.#fixture.describe(machine.apply(command.slice(), context(from + i + 1))));
  }

  #restored(bytes: Uint8Array): StateMachine<Result> {
    const machine = this.#fixture.create();
    const restore = machine.restore();
    for (let offset = 0; offset < bytes.length; offset += 5) {
      restore.write(bytes.slice(offset, offset + 5));
    }
    restore.finish();
    return machine;
  }

  deterministic(): void {
    const all = this.#fixture.commands.length;
    const left = this.#fixture.create();
    const right = this.#fixture.create();
    expect(
      this.#apply(left, 0, all).join("\n") === this.#apply(right, 0, all).join("\n"),
      "the same commands have the same results",
    );
    // With the same sizes of chunks: a machine may frame its image by them.
    expect(
      equalBytes(readAll(left.snapshot()), readAll(right.snapshot())),
      "the same commands lead to the same image",
    );
  }

  continues(): void {
    const all = this.#fixture.commands.length;
    const machine = this.#fixture.create();
    this.#apply(machine, 0, all - 2);
    const copy = this.#restored(readAll(machine.snapshot()));
    expect(
      this.#apply(copy, all - 2, all).join("\n") === this.#apply(machine, all - 2, all).join("\n"),
      "a restored machine answers as the original",
    );
    expect(
      equalBytes(readAll(copy.snapshot()), readAll(machine.snapshot())),
      "a restored machine has the original's state",
    );
  }

  pinned(): void {
    const all = this.#fixture.commands.length;
    const machine = this.#fixture.create();
    this.#apply(machine, 0, all - 2);
    const before = readAll(machine.snapshot());
    const pinned = machine.snapshot();
    const first = pinned.read(3);
    expect(first !== null, "an image has a beginning");
    this.#apply(machine, all - 2, all);
    const rest = readAll(pinned);
    expect(
      equalBytes(concatBytes([first?.slice() ?? new Uint8Array(0), rest]), before),
      "later commands do not show in a pinned image",
    );
  }

  replaces(): void {
    const all = this.#fixture.commands.length;
    const source = this.#fixture.create();
    this.#apply(source, 0, all);
    const bytes = readAll(source.snapshot());
    const machine = this.#fixture.create();
    this.#apply(machine, 0, 1);
    const own = readAll(machine.snapshot());
    const restore = machine.restore();
    restore.write(bytes.slice());
    expect(equalBytes(readAll(machine.snapshot()), own), "the present state stays until finish");
    restore.finish();
    expect(equalBytes(readAll(machine.snapshot()), bytes), "finish replaces the whole state");
  }
}

/** Registers the contract as tests. */
export function stateMachineSuite<Result>(test: TestFunction, fixture: StateMachineFixture<Result>): void {
  const suite = new Suite(fixture);
  test("state machine: the same commands lead to the same results and image", async () =>
    suite.deterministic());
  test("state machine: a restored machine goes on as the original", async () => suite.continues());
  test("state machine: an image is pinned", async () => suite.pinned());
  test("state machine: a restore replaces everything, at once, at its end", async () => suite.replaces());
}
