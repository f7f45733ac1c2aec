/**
 * The states of single members, each kept once under a number. A world is a handful of such numbers; what an input makes of a member
 * is worked out once, by replaying how the member came to be, and then looked up. There are far fewer states of
 * members than of worlds, so the walk runs on lookups.
 */
import { assert, must } from "@quorate/base";
import type { ConfState, NodeId, Role } from "@quorate/raft";
import { type Durable, emptyDisk, type LocalInput, LocalNode, type LocalSettings } from "./local-node.ts";
import { Messages } from "./messages.ts";
import { anonymous, type Exchange, exchanged } from "./names.ts";

/** What checks and bounds need to know of a member without waking it. */
export interface LocalFacts {
  readonly role: Role;
  readonly term: number;
  readonly commit: number;
  /** The log as texts, by index − 1. */
  readonly log: readonly string[];
  /** Equal for equal logs, counted from 0. */
  readonly logNumber: number;
  readonly pendingCount: number;
  readonly confState: ConfState;
}

/** What an input makes of a member: its next state, and the messages that leave, by number. */
interface LocalStep {
  readonly state: number;
  readonly sent: readonly { readonly to: NodeId; readonly message: number }[];
}

interface Known {
  readonly id: NodeId;
  /** How to get here: from the disk, or from another state by an input. */
  readonly origin: { readonly disk: Durable } | { readonly from: number; readonly input: LocalInput };
  readonly facts: LocalFacts;
  /** Under each exchange of names. */
  readonly texts: readonly number[];
  /** Equal for states that some exchange makes equal. */
  readonly signature: number;
  readonly crashed: { state: number };
  /** By the number of the input. PERF: asked for in each step of each world. */
  readonly steps: Map<number, LocalStep>;
}

const unknownState = -1;

/** See the head of this file. */
export class LocalStates {
  readonly messages: Messages = new Messages();
  readonly #settings: LocalSettings;
  readonly #exchanges: readonly Exchange[];
  readonly #known: Known[] = [];
  readonly #byText = new Map<string, number>();
  readonly #textNumbers = new Map<string, number>();
  readonly #logNumbers = new Map<string, number>();

  constructor(settings: LocalSettings, exchanges: readonly Exchange[]) {
    this.#settings = settings;
    this.#exchanges = exchanges;
  }

  /** How many different states of members were met. */
  get count(): number {
    return this.#known.length;
  }

  /** A member that starts on an empty disk. */
  fresh(id: NodeId): number {
    return this.#start(id, emptyDisk);
  }

  /** The member starts again with what its disk holds. */
  crashed(state: number): number {
    const known = this.#at(state);
    if (known.crashed.state === unknownState) {
      known.crashed.state = this.#start(known.id, this.#wake(state).durable());
    }
    return known.crashed.state;
  }

  /** `number` tells inputs apart that lead to different states. */
  step(state: number, number: number, input: () => LocalInput): LocalStep {
    const { steps } = this.#at(state);
    let found = steps.get(number);
    if (found === undefined) {
      found = this.#work(state, input());
      steps.set(number, found);
    }
    return found;
  }

  facts(state: number): LocalFacts {
    return this.#at(state).facts;
  }

  /** A number that is equal for states that are equal under the exchange. */
  textUnder(state: number, exchange: number): number {
    return must(this.#at(state).texts[exchange], "explorer: no such exchange");
  }

  /** Does not depend on names: members are put in the order of it, and few exchanges are left to try. */
  signature(state: number): number {
    return this.#at(state).signature;
  }

  /** The member in this state, alive: for reports and tests. */
  wake(state: number): LocalNode {
    return this.#wake(state);
  }

  #work(state: number, input: LocalInput): LocalStep {
    const node = this.#wake(state);
    node.take(input);
    const sent = node.takeSent().map((message) => ({
      to: message.to,
      message: this.messages.number(node.core, message, this.#exchanges),
    }));
    return { state: this.#intern(this.#at(state).id, node, { from: state, input }), sent };
  }

  #start(id: NodeId, disk: Durable): number {
    const node = new LocalNode(id, disk, this.#settings);
    assert(node.takeSent().length === 0, "explorer: a member that starts sends nothing");
    return this.#intern(id, node, { disk });
  }

  #intern(id: NodeId, node: LocalNode, origin: Known["origin"]): number {
    const named = node.text();
    const text = `${named.own}|${named.lines.join("|")}`;
    const known = this.#byText.get(text);
    if (known !== undefined) {
      return known;
    }
    const { core } = node;
    const log = node.logTexts();
    const logText = log.join(" ");
    const logNumber = this.#logNumbers.get(logText) ?? this.#logNumbers.size;
    this.#logNumbers.set(logText, logNumber);
    const number = this.#known.length;
    this.#known.push({
      id,
      origin,
      facts: {
        role: core.role,
        term: core.term,
        commit: core.committed,
        log,
        logNumber,
        pendingCount: node.pendingCount,
        confState: core.unsafeState.tracker.membership.confState,
      },
      texts: this.#exchanges.map((exchange) => this.#textNumber(exchanged(named, exchange))),
      signature: this.#textNumber(anonymous(named)),
      crashed: { state: unknownState },
      steps: new Map(),
    });
    this.#byText.set(text, number);
    return number;
  }

  #textNumber(text: string): number {
    let number = this.#textNumbers.get(text);
    if (number === undefined) {
      number = this.#textNumbers.size + 1;
      this.#textNumbers.set(text, number);
    }
    return number;
  }

  /** Replays how the member came to be in this state. */
  #wake(state: number): LocalNode {
    const inputs: LocalInput[] = [];
    let { origin } = this.#at(state);
    while ("from" in origin) {
      inputs.push(origin.input);
      ({ origin } = this.#at(origin.from));
    }
    const node = new LocalNode(this.#at(state).id, origin.disk, this.#settings);
    for (const input of inputs.reverse()) {
      node.take(input);
    }
    node.takeSent();
    return node;
  }

  #at(state: number): Known {
    return must(this.#known[state], "explorer: no such state of a member");
  }
}
