/**
 * The operator of the API: compacts, fills the store until there is no space, makes room and takes the alarm back. It looks at alarms
 * until the run is over, because as long as one is on nobody else writes.
 */
import { endOf, prefixes } from "../etcd/names.ts";
import { MessageWriter } from "../etcd/protobuf.ts";
import { Client, type ClientKit } from "./client.ts";
import { deleteOf, putOf } from "./requests.ts";

const alarmPath = "/etcdserverpb.Maintenance/Alarm";
const noSpace = 1;

/** See the head of this file. */
export class Operator extends Client {
  readonly #compacts: boolean;
  readonly #fills: boolean;
  #fillCount = 0;
  #isClearing = false;

  constructor(kit: ClientKit, name: string, compacts: boolean, fills: boolean) {
    super(kit, name);
    this.#compacts = compacts;
    this.#fills = fills;
  }

  start(): void {
    if (this.#compacts) {
      this.#compactSometimes();
    }
    if (this.#fills) {
      this.loop((again) => this.#fill(again));
      this.#lookAtAlarms();
    }
  }

  #compactSometimes(): void {
    this.later(this.random.integer(300, 6_000) * this.kit.world.clientPace, () => {
      const { compactRevision, revision } = this.kit.oracle.model;
      const back = this.random.pick([0, 1, 10, 40]);
      const target = this.random.pick([revision - back, revision - back, compactRevision, revision + 3]);
      this.#compact(Math.max(1, target), () => this.#compactSometimes());
    });
  }

  #compact(revision: number, done: () => void): void {
    // `physical` tells it from what housekeeping asks for.
    this.write({ type: "compaction", revision, physical: true }, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("compaction");
      }
      done();
    });
  }

  #fill(again: () => void): void {
    this.#fillCount++;
    const key = `${prefixes.fill}${this.#fillCount % 20}`;
    this.write(putOf(key, `${this.#fillCount}-${"f".repeat(1_000)}`), (answer) => {
      if (answer.kind === "refused" && answer.code === "KV_NO_SPACE") {
        this.kit.counts.add("no-space");
      }
      again();
    });
  }

  /** Goes on after the end of the workloads, for the alarms to end with them. */
  #lookAtAlarms(): void {
    this.kit.world.schedule(this.random.integer(200, 1_500), () => {
      if (this.kit.oracle.model.alarms.size > 0 && !this.#isClearing) {
        this.#isClearing = true;
        this.#makeRoom(() => {
          this.#isClearing = false;
        });
      }
      this.#lookAtAlarms();
    });
  }

  /** Etcd's recipe: delete, compact, disarm. */
  #makeRoom(done: () => void): void {
    this.write(deleteOf(prefixes.fill, endOf(prefixes.fill)), () =>
      this.#compact(Math.max(1, this.kit.oracle.model.revision), () =>
        this.ask(alarmPath, new MessageWriter().finish(), null, (answer) => {
          const raised =
            answer.kind === "done" ? answer.message.messages(2).map((alarm) => alarm.number(1)) : [];
          this.#disarm(raised, done);
        }),
      ),
    );
  }

  #disarm(members: readonly number[], done: () => void): void {
    const [first, ...others] = members;
    if (first === undefined) {
      done();
      return;
    }
    const request = new MessageWriter().number(1, 2).number(2, first).number(3, noSpace).finish();
    this.ask(alarmPath, request, null, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("alarm-disarmed");
      }
      this.#disarm(others, done);
    });
  }
}
