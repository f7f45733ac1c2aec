/**
 * The states of single members, each kept once under a number. A world is a handful of such numbers; what an input makes of a member
 * is worked out once by the real core, by replaying how the member came to be, and then looked up. There are far fewer states of
 * members than of worlds, so the walk runs on lookups.
 */
import { assert, must } from "@quorate/base";
import { type NodeId, toNodeId } from "@quorate/raft";
import { promise } from "../violation.ts";
import type { CheckpointSink, CheckpointSource } from "./checkpoint.ts";
import { NumberList } from "./growing.ts";
import { inputOf } from "./inputs.ts";
import { type LocalFacts, LocalFactsTable } from "./local-facts.ts";
import { type Durable, emptyDisk, LocalNode, type LocalSettings } from "./local-node.ts";
import { Messages } from "./messages.ts";
import { textHash } from "./mix.ts";
import { NamedHashes } from "./named-hashes.ts";
import { anonymous, type Exchange, type NamedText } from "./names.ts";
import { absent, PairTable } from "./pair-table.ts";

const unknown = -1;

/** What the core was asked, in the order in which states came to have numbers: three numbers each, the first of them one of these. */
const asked = { fresh: 0, crashed: 1, lasting: 2, step: 3 };

/** A step is kept as its next state, the count of what is sent, and a receiver and a message for each. */
const stepHead = 2;

/** See the head of this file. */
export class LocalStates {
  readonly messages: Messages;
  readonly facts: LocalFactsTable = new LocalFactsTable();
  /** Of each state under each exchange of names. */
  readonly hashes: NamedHashes;
  readonly #settings: LocalSettings;
  readonly #byText = new Map<string, number>();
  /** How each state came to be: from another one (or none) by an input, or from a disk. */
  readonly #originStates = new NumberList();
  readonly #originInputs = new NumberList();
  readonly #disks = new Map<number, Durable>();
  readonly #signatures = new NumberList();
  readonly #crashed = new NumberList();
  /** The state that stands for all that differ only in what a crash would leave. */
  readonly #lasting = new NumberList();
  readonly #byLastingText = new Map<string, number>();
  /** Of states that stand for others, by {@link lastingPlace}: what tells those that they stand for from all others. */
  readonly lastingHashes: NamedHashes;
  readonly #lastingPlaces = new NumberList();
  readonly #lastingSignatures = new NumberList();
  readonly #steps = new PairTable();
  readonly #outputs = new NumberList();
  readonly #asked = new NumberList();

  constructor(settings: LocalSettings, exchanges: readonly Exchange[]) {
    this.#settings = settings;
    this.messages = new Messages(exchanges, settings.reduced);
    this.hashes = new NamedHashes("state", exchanges);
    this.lastingHashes = new NamedHashes("lasting state", exchanges);
  }

  /** How many different states of members were met. */
  get count(): number {
    return this.#originStates.count;
  }

  /** How many inputs of members in a state were worked out by the core. */
  get stepCount(): number {
    return this.#steps.count;
  }

  /** A member that starts on an empty disk. */
  fresh(id: NodeId): number {
    this.#note(asked.fresh, id, 0);
    return this.#start(id, emptyDisk);
  }

  /** The member starts again with what its disk holds. */
  crashed(state: number): number {
    let found = this.#crashed.at(state);
    if (found === unknown) {
      this.#note(asked.crashed, state, 0);
      found = this.#start(this.facts.of(state).id, this.#wake(state).durable());
      this.#crashed.set(state, found);
    }
    return found;
  }

  /** One state for all that differ only in what a crash would leave: for worlds in which nobody crashes any more. */
  lasting(state: number): number {
    const found = this.#lasting.at(state);
    if (found !== unknown) {
      return found;
    }
    this.#note(asked.lasting, state, 0);
    const named = this.#wake(state).text({ reduced: true, mayCrash: false });
    const text = keyOf(named);
    const known = this.#byLastingText.get(text);
    if (known === undefined) {
      this.#byLastingText.set(text, state);
      this.#lastingPlaces.set(state, this.#lastingSignatures.count);
      this.#lastingSignatures.push(textHash(anonymous(named), 1) | 0);
      this.lastingHashes.push(named);
    }
    this.#lasting.set(state, known ?? state);
    return known ?? state;
  }

  /** What an input makes of a member: a number for {@link next}, {@link sentCount} and so on. */
  step(state: number, input: number): number {
    const found = this.#steps.get(state, input);
    return found === absent ? this.#work(state, input) : found;
  }

  /** The state that a step leads to. */
  next(step: number): number {
    return this.#outputs.at(step);
  }

  sentCount(step: number): number {
    return this.#outputs.at(step + 1);
  }

  /** The receiver of the message that left as number `i`, from 0; it may be none of the explored members. */
  receiver(step: number, i: number): number {
    return this.#outputs.at(step + stepHead + 2 * i);
  }

  message(step: number, i: number): number {
    return this.#outputs.at(step + stepHead + 2 * i + 1);
  }

  /** Does not depend on names: members are put in the order of it, and few exchanges are left to try. */
  signature(state: number): number {
    return this.#signatures.at(state);
  }

  /** Of a state that {@link lasting} gave: where in {@link lastingHashes}. */
  lastingPlace(state: number): number {
    return this.#lastingPlaces.at(state);
  }

  /** As {@link signature}, of all that a state stands for that {@link lasting} gave. */
  lastingSignature(state: number): number {
    return this.#lastingSignatures.at(this.#lastingPlaces.at(state));
  }

  /** What it takes to come to the same numbers again. */
  save(sink: CheckpointSink): void {
    this.#asked.save(sink);
  }

  /** Asks the core all that again; nothing was asked before. */
  load(source: CheckpointSource): void {
    assert(this.count === 0, "explorer: states loaded over others");
    const saved = new NumberList();
    saved.load(source);
    for (let at = 0; at < saved.count; at += 3) {
      this.#askAgain(saved.at(at), saved.at(at + 1), saved.at(at + 2));
    }
    assert(this.#asked.count === saved.count, "explorer: another way to the same states");
  }

  #askAgain(what: number, of: number, input: number): void {
    switch (what) {
      case asked.fresh:
        this.fresh(toNodeId(of));
        break;
      case asked.crashed:
        this.crashed(of);
        break;
      case asked.lasting:
        this.lasting(of);
        break;
      default:
        assert(what === asked.step, "explorer: what the core was never asked");
        this.step(of, input);
    }
  }

  #note(what: number, of: number, input: number): void {
    this.#asked.push(what);
    this.#asked.push(of);
    this.#asked.push(input);
  }

  #work(state: number, input: number): number {
    this.#note(asked.step, state, input);
    const node = this.#wake(state);
    node.take(inputOf(input, (number) => this.messages.get(number)));
    const sent = node.takeSent();
    const next = this.#intern(this.facts.of(state).id, node, state, input);
    this.#checkAppendOnly(this.facts.of(state), this.facts.of(next));
    const step = this.#outputs.count;
    this.#outputs.push(next);
    this.#outputs.push(sent.length);
    for (const message of sent) {
      this.#outputs.push(message.to - 1);
      this.#outputs.push(this.messages.number(node.core, message));
    }
    this.#steps.add(state, input, step);
    return step;
  }

  /** FIG 3 Leader Append-Only: what a leader has in its log stays there as long as it leads. */
  #checkAppendOnly(before: LocalFacts, after: LocalFacts): void {
    const leads = before.role === "leader" && after.role === "leader" && before.term === after.term;
    promise(
      !leads || before.log.every((entry, i) => after.log[i] === entry),
      "leader-append-only",
      () => `${before.id} led term ${before.term} with ${before.log.join(" ")}, then ${after.log.join(" ")}`,
    );
  }

  #start(id: NodeId, disk: Durable): number {
    const node = new LocalNode(id, disk, this.#settings);
    assert(node.takeSent().length === 0, "explorer: a member that starts sends nothing");
    const known = this.count;
    const state = this.#intern(id, node, unknown, 0);
    if (state === known) {
      this.#disks.set(state, disk);
    }
    return state;
  }

  #intern(id: NodeId, node: LocalNode, from: number, input: number): number {
    const named = node.text({ reduced: this.#settings.reduced, mayCrash: true });
    const text = keyOf(named);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      return known;
    }
    const number = this.count;
    this.#originStates.push(from);
    this.#originInputs.push(input);
    this.#signatures.push(textHash(anonymous(named), 1) | 0);
    this.#crashed.push(unknown);
    this.#lasting.push(unknown);
    this.#lastingPlaces.push(unknown);
    this.hashes.push(named);
    this.facts.push(id, node);
    this.#byText.set(text, number);
    return number;
  }

  /** Replays how the member came to be in this state. */
  #wake(state: number): LocalNode {
    const inputs: number[] = [];
    let at = state;
    while (this.#originStates.at(at) !== unknown) {
      inputs.push(this.#originInputs.at(at));
      at = this.#originStates.at(at);
    }
    const disk = must(this.#disks.get(at), "explorer: every way begins at a disk");
    const node = new LocalNode(this.facts.of(state).id, disk, this.#settings);
    for (const input of inputs.reverse()) {
      node.take(inputOf(input, (number) => this.messages.get(number)));
    }
    node.takeSent();
    return node;
  }
}

function keyOf(text: NamedText): string {
  return `${text.own}|${text.lines.join("|")}`;
}
