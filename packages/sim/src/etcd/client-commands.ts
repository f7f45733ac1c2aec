/**
 * What clients asked to be written, held against what was: nothing is applied that nobody asked for, nothing more often than it was
 * asked for, nothing that was refused as never applied; and an acknowledgement names a place in the log where the command stands, behind
 * everything that had been applied when the client asked.
 */
import { must } from "@quorate/base";
import { type Command, encodeCommand } from "@quorate/kv";
import { promise } from "../violation.ts";
import type { ClientCommand } from "./requests.ts";
import { refusalText } from "./texts.ts";

interface AppliedOnce {
  readonly index: number;
  readonly revision: number;
  readonly text: string;
  /** Another acknowledgement named it. */
  isClaimed: boolean;
}

/** One command, which may be asked for several times in the same words. */
interface Asked {
  count: number;
  refusedCount: number;
  /** Answers by which it has no effect, whether it was applied or not. */
  voidCount: number;
  readonly applied: AppliedOnce[];
}

/** An answer that a client got for a write. */
interface WriteAnswer {
  /** Index that had been applied somewhere when the client asked. */
  readonly askedAfter: number;
  /** Of the header; null for an error, which has none. */
  readonly revision: number | null;
  readonly text: string;
}

/** See the head of this file. */
export class ClientCommands {
  readonly #asked = new Map<string, Asked>();

  /** A client asks. */
  ask(command: ClientCommand): void {
    const key = keyOf(encodeCommand(command));
    const known = this.#asked.get(key);
    if (known === undefined) {
      this.#asked.set(key, { count: 1, refusedCount: 0, voidCount: 0, applied: [] });
    } else {
      known.count++;
    }
  }

  /** A command of clients is applied for the first time at an index. False when no client asked for it. */
  applied(command: Command, index: number, revision: number, text: string): boolean {
    const asked = this.#asked.get(keyOf(encodeCommand(command)));
    if (asked === undefined) {
      return false;
    }
    asked.applied.push({ index, revision, text, isClaimed: false });
    checkCount(asked, index);
    return true;
  }

  /** The client is told that its command certainly has no effect. */
  refused(command: ClientCommand): void {
    const asked = this.#of(command);
    asked.refusedCount++;
    checkCount(asked, asked.applied.at(-1)?.index ?? 0);
  }

  /** The client is told that its command had no effect. */
  ineffective(command: ClientCommand): void {
    const asked = this.#of(command);
    asked.voidCount++;
    checkCount(asked, asked.applied.at(-1)?.index ?? 0);
  }

  /** The client is told what its command did. */
  answered(command: ClientCommand, answer: WriteAnswer): void {
    const { askedAfter, revision, text } = answer;
    const place = this.#of(command).applied.find(
      (applied) =>
        !applied.isClaimed &&
        applied.index > askedAfter &&
        applied.text === text &&
        (revision === null || applied.revision === revision),
    );
    promise(
      place !== undefined,
      "acknowledged-writes",
      () =>
        `a client is told '${text}' at revision ${revision} for a ${command.type} that it asked for after entry ${askedAfter}; ` +
        `applied were ${JSON.stringify(this.#of(command).applied)}`,
    );
    place.isClaimed = true;
  }

  #of(command: ClientCommand): Asked {
    return must(this.#asked.get(keyOf(encodeCommand(command))), "client commands: never asked for");
  }
}

function checkCount({ applied, count, refusedCount, voidCount }: Asked, index: number): void {
  const effective = applied.filter(({ text }) => !text.startsWith("refused"));
  promise(
    effective.length <= count - refusedCount - voidCount,
    "refused-never-applied",
    () =>
      `a command that was asked for ${count} times, and answered with an error ${voidCount} times, has an effect (entry ${index})`,
  );
  // Sent before its member knew that access control is on, it is of nobody's; then it may stand there again, with the sender's name.
  const nameless = applied.filter(({ text }) => text === refusalText("KV_USER_EMPTY"));
  promise(
    nameless.length <= 2 * count && applied.length - nameless.length <= count - refusedCount,
    refusedCount > 0 ? "refused-never-applied" : "at-most-once",
    () =>
      `a command that was asked for ${count} times, and refused ${refusedCount} times as never applied, is applied ${applied.length} ` +
      `times (entry ${index})`,
  );
}

function keyOf(bytes: Uint8Array): string {
  let key = "";
  // PERF: in pieces, where a character at a time makes a rope of as many strings; a call takes so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    key += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + 4096));
  }
  return key;
}
