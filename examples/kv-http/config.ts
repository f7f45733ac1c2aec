/**
 * The settings of a server, in the words of the system that this example comes from: milliseconds, entries, KiB. `validate()` names every
 * field that is wrong, and `build()` turns the rest into settings of a `RaftNode`.
 */
import { ConfigError } from "@quorate/raft";
import type { RaftNodeSettings } from "@quorate/raft-node";

/** All fields; what is not set has the value in {@link configDefaults}. */
export interface Config {
  /** Which member this is: `node-aws-0`, the first of the peer list, and so on. Required. */
  readonly serverId: string;
  /** Ms without a leader before an election; the real time is drawn from this to twice this. */
  readonly electionTimeout: number;
  /** The range that `electionTimeout` may lie in, in ms. */
  readonly electionTimeoutMin: number;
  readonly electionTimeoutMax: number;
  /** Ms between two heartbeats of a leader. It is also the tick of the member's clock. */
  readonly heartbeatInterval: number;
  /** Applied entries after which a snapshot replaces them. */
  readonly maxLogEntries: number;
  /** One append to a follower carries at most so many entries of the largest size. */
  readonly maxAppendEntries: number;
  /** KiB of one command. */
  readonly maxPayloadSize: number;
}

export const configDefaults: Omit<Config, "serverId"> = {
  electionTimeout: 50,
  electionTimeoutMin: 50,
  electionTimeoutMax: 150,
  heartbeatInterval: 10,
  maxLogEntries: 100,
  maxAppendEntries: 100,
  maxPayloadSize: 30,
};

/** `node-aws-0` is member 1: ids of Raft begin there. */
export function idOf(name: string): number | null {
  const position = /^node-aws-(0|[1-9]\d{0,8})$/.exec(name)?.[1];
  return position === undefined ? null : Number(position) + 1;
}

/** The name of member `id`. */
export function nameOf(id: number): string {
  return `node-aws-${id - 1}`;
}

/** Collects fields, then checks them all at once: `new ConfigBuilder().set("serverId", "node-aws-0").build()`. */
export class ConfigBuilder {
  readonly #config: { -readonly [Field in keyof Config]: Config[Field] } = {
    ...configDefaults,
    serverId: "",
  };

  set<Field extends keyof Config>(field: Field, value: Config[Field]): this {
    this.#config[field] = value;
    return this;
  }

  /** One sentence for each wrong field; empty when all is well. */
  validate(): string[] {
    const { serverId, ...numbers } = this.#config;
    const { electionTimeout, electionTimeoutMax, electionTimeoutMin, heartbeatInterval } = numbers;
    const problems = serverId === "" ? ["serverId is required"] : [];
    if (serverId !== "" && idOf(serverId) === null) {
      problems.push(`serverId ${serverId} is not of the form node-aws-0`);
    }
    const wrong = new Set<string>();
    for (const [field, value] of Object.entries(numbers)) {
      if (!Number.isSafeInteger(value) || value < 1) {
        wrong.add(field);
        problems.push(`${field} must be a whole number of at least 1, not ${value}`);
      }
    }
    const sound = (...fields: string[]): boolean => !fields.some((field) => wrong.has(field));
    if (sound("electionTimeoutMin", "electionTimeoutMax") && electionTimeoutMin > electionTimeoutMax) {
      problems.push(
        `electionTimeoutMin ${electionTimeoutMin} exceeds electionTimeoutMax ${electionTimeoutMax}`,
      );
    } else if (
      sound("electionTimeout", "electionTimeoutMin", "electionTimeoutMax") &&
      (electionTimeout < electionTimeoutMin || electionTimeout > electionTimeoutMax)
    ) {
      problems.push(
        `electionTimeout ${electionTimeout} lies outside ${electionTimeoutMin} to ${electionTimeoutMax} ms`,
      );
    }
    if (sound("electionTimeout", "heartbeatInterval") && electionTimeout < 2 * heartbeatInterval) {
      problems.push(
        `heartbeatInterval ${heartbeatInterval} is not below half of electionTimeout ${electionTimeout}`,
      );
    }
    if (sound("maxPayloadSize") && numbers.maxPayloadSize > 16_384) {
      problems.push(`maxPayloadSize ${numbers.maxPayloadSize} exceeds 16384 KiB`);
    }
    return problems;
  }

  /** @throws ConfigError with everything that `validate()` finds. */
  build(): RaftNodeSettings {
    const problems = this.validate();
    if (problems.length > 0) {
      throw new ConfigError(problems);
    }
    const { electionTimeout, heartbeatInterval, maxAppendEntries, maxLogEntries, maxPayloadSize } =
      this.#config;
    const payloadBytes = maxPayloadSize * 1024;
    const appendBytesMax = maxAppendEntries * payloadBytes;
    return {
      tickMs: heartbeatInterval,
      core: {
        electionTimeoutTicks: Math.round(electionTimeout / heartbeatInterval),
        heartbeatTicks: 1,
        appendBytesMax,
        inflightBytesMax: Math.max(appendBytesMax, 64 * 1024 * 1024),
      },
      limits: { commandBytesMax: payloadBytes },
      snapshots: { entryCountMax: maxLogEntries, trailingEntryCount: maxLogEntries },
    };
  }
}
