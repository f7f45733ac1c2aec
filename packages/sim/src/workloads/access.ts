/**
 * Access control while clients work: an administrator who gives and takes rights and switches the whole on and off, users who ask for
 * more than they may, and strangers. Writes are held against the rights at their place in the log; what is answered from local state
 * against those that the member that answered can have had.
 */
import { utf8Encode } from "@quorate/base";
import type { AuthAction, AuthRequest, KvErrorCode, RequestOp } from "@quorate/kv";
import type { NodeId } from "@quorate/raft";
import { rangesOf, type Wanted } from "../etcd/auth-model.ts";
import { endOf, prefixes } from "../etcd/names.ts";
import { Message, MessageWriter } from "../etcd/protobuf.ts";
import { methodOf } from "../etcd/requests.ts";
import { promise } from "../violation.ts";
import { type Answer, Client, type ClientKit } from "./client.ts";
import { compareOf, deleteOf, putOf, rangeOf, txnOf } from "./requests.ts";

/** Who is granted what: a role each, and keys with each letter. */
const users = ["alice", "bob"] as const;
const letters = ["a", "b", "c"] as const;
const leaseId = 77;

/** Leases granted for so long outlive the run. */
export const standingTtlSeconds = 1_000;

function prefixOf(letter: string): string {
  return `${prefixes.auth}${letter}/`;
}

/** A revocation that is asked for twice is refused the second time, and a right that is given twice is given once. */
export class Administrator extends Client {
  #setup: AuthRequest[] = [];

  start(): void {
    const actions: AuthAction[] = [{ op: "user-add", user: "root", passwordHash: null }];
    actions.push({ op: "user-grant-role", user: "root", role: "root" });
    for (const user of users) {
      actions.push({ op: "user-add", user, passwordHash: null }, { op: "role-add", role: user });
      actions.push({ op: "user-grant-role", user, role: user });
    }
    this.#setup = actions.map((action): AuthRequest => ({ type: "auth", ...action }));
    this.#setUp();
  }

  /** In order, each until it is answered, or was there before: an answer may have been lost. */
  #setUp(): void {
    const [first, ...others] = this.#setup;
    if (first === undefined) {
      this.#attachLease(() => this.loop((again) => this.#change(again)));
      return;
    }
    this.write(first, (answer) => {
      if (
        answer.kind === "done" ||
        (answer.kind === "refused" && answer.code?.endsWith("ALREADY_EXIST") === true)
      ) {
        this.#setup = others;
      }
      this.later(50, () => this.#setUp());
    });
  }

  /** A lease with a key of each letter, for those who ask what it holds. */
  #attachLease(done: () => void): void {
    this.write({ type: "lease-grant", id: BigInt(leaseId), ttlSeconds: standingTtlSeconds }, () => {
      const puts = letters.map((letter) =>
        putOf(`${prefixOf(letter)}leased`, "1", { lease: BigInt(leaseId) }),
      );
      this.write(txnOf([], puts), done);
    });
  }

  #change(again: () => void): void {
    const { random } = this;
    const user = random.pick(users);
    const letter = random.pick(letters);
    const access = random.pick(["read", "write", "read-write"] as const);
    const key = utf8Encode(prefixOf(letter));
    const rangeEnd = utf8Encode(endOf(prefixOf(letter)));
    const actions: readonly AuthAction[] = [
      { op: "enable" },
      { op: "enable" },
      { op: "role-grant-permission", role: user, permission: { access, key, rangeEnd } },
      { op: "role-grant-permission", role: user, permission: { access, key, rangeEnd } },
      { op: "user-revoke-role", user, role: user },
      { op: "user-grant-role", user, role: user },
      { op: "user-grant-role", user, role: user },
      ...(random.chance(0.2) ? [{ op: "disable" } as const] : []),
    ];
    const action = random.pick(actions);
    this.write({ type: "auth", ...action }, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add(action.op === "enable" ? "auth-enable" : "auth-change");
        this.#tryAtOnce(random.pick([...users, ""]), letter);
      }
      again();
    });
  }

  /** That the member which is asked may not have heard of the change yet is no excuse. */
  #tryAtOnce(user: string, letter: string): void {
    const { kit } = this;
    const request = rangeOf(prefixOf(letter));
    const asked = kit.oracle.lastIndex;
    this.read(
      request,
      (answer) => {
        if (answer.kind === "done") {
          mayHave(kit, user, methodOf(request), wantedOf(request), asked);
        } else if (answer.kind === "refused") {
          wasRefused(kit, user, answer.code, wantedOf(request), asked);
        }
        kit.counts.add("auth-tried-at-once");
      },
      this.node(),
      user,
    );
  }
}

/** Somebody with rights to some of it, or with none. */
export class User extends Client {
  readonly #lifeOf: (node: NodeId) => number;
  #valueCount = 0;

  /** @param lifeOf Counts the lives of a member: only within one of them does its state never go back. */
  constructor(kit: ClientKit, name: string, user: string, lifeOf: (node: NodeId) => number) {
    super(kit, name, user);
    this.#lifeOf = lifeOf;
  }

  start(): void {
    this.loop((again) => {
      const acts = [
        () => this.#write(again),
        () => this.#write(again),
        () => this.#read(again),
        () => this.#watch(again),
        () => this.#askLease(again),
        () => this.#askMembers(again),
      ];
      this.random.pick(acts)();
    });
  }

  #key(): string {
    return `${prefixOf(this.random.pick(letters))}${this.random.integer(0, 3)}`;
  }

  #value(): string {
    this.#valueCount++;
    return `${this.name}-${this.#valueCount}`;
  }

  /** The model says at its place in the log whether it may be. */
  #write(again: () => void): void {
    const { random } = this;
    const inner = txnOf([], [putOf(this.#key(), this.#value())], [rangeOf(this.#key())]);
    const command = random.pick([
      putOf(this.#key(), this.#value(), { prevKv: random.chance(0.3) }),
      deleteOf(prefixOf(random.pick(letters)), endOf(prefixOf(random.pick(letters))), random.chance(0.5)),
      txnOf([compareOf("create", this.#key(), 0, "not-equal")], [inner, rangeOf(this.#key())], [inner]),
      txnOf([], [putOf(this.#key(), this.#value(), { prevKv: true }), inner]),
    ]);
    this.write(command, (answer) => {
      if (answer.kind === "done") {
        this.kit.counts.add("auth-write");
      } else if (answer.kind === "refused" && answer.code === "KV_PERMISSION_DENIED") {
        this.kit.counts.add("auth-denied");
      }
      again();
    });
  }

  #read(again: () => void): void {
    const key = this.#key();
    const letter = this.random.pick(letters);
    const requests = [
      rangeOf(key),
      rangeOf(prefixOf(letter), endOf(prefixOf(letter))),
      rangeOf(prefixOf(letter), "\0"),
      rangeOf(prefixes.auth, endOf(prefixes.auth), { serializable: this.random.chance(0.5) }),
    ];
    const request = this.random.pick(requests);
    const { oracle } = this.kit;
    let asked = 0;
    this.#onOneNode<Answer>(
      (node, done) => {
        asked = oracle.lastIndex;
        this.read(request, done, node);
      },
      (answer, from) => {
        if (answer.kind === "done") {
          // What was applied anywhere before a linearizable read was asked for is known to whoever lets it in.
          mayHave(
            this.kit,
            this.user,
            methodOf(request),
            wantedOf(request),
            request.serializable ? from : asked,
          );
          this.kit.counts.add("auth-read");
        } else if (answer.kind === "refused" && !request.serializable) {
          wasRefused(this.kit, this.user, answer.code, wantedOf(request), asked);
        }
        again();
      },
    );
  }

  /** A watch is let in, or ended at once. */
  #watch(again: () => void): void {
    const letter = this.random.pick(letters);
    const rangeEnd = this.random.pick(["", endOf(prefixOf(letter)), "\0"]);
    const wish = rangeOf(prefixOf(letter), rangeEnd);
    const create = new MessageWriter().text(1, prefixOf(letter)).text(2, rangeEnd);
    this.#onOneNode<boolean>(
      (node, done) => {
        const { network } = this.kit;
        const stream = network.stream(node, this.head("/etcdserverpb.Watch/Watch"), {
          arrived: (bytes) => {
            stream.abort();
            done(!new Message(bytes).flag(4));
          },
          closed: () => done(false),
        });
        stream.send(new MessageWriter().message(1, create).finish());
      },
      (isLetIn, from) => {
        if (isLetIn) {
          mayHave(this.kit, this.user, "a watch", wantedOf(wish), from);
          this.kit.counts.add("auth-watch");
        }
        again();
      },
    );
  }

  /** Which keys a lease holds is told to who may read them. */
  #askLease(again: () => void): void {
    const request = new MessageWriter().number(1, leaseId).flag(2, true).finish();
    this.#onOneNode<readonly string[]>(
      (node, done) =>
        this.ask(
          "/etcdserverpb.Lease/LeaseTimeToLive",
          request,
          null,
          (answer) => done(answer.kind === "done" ? answer.message.texts(5) : []),
          node,
        ),
      (keys, from) => {
        if (keys.length > 0) {
          const wanted = keys.map((key): Wanted => ({ access: "read", key, rangeEnd: "" }));
          mayHave(this.kit, this.user, "the keys of a lease", wanted, from);
          this.kit.counts.add("auth-lease-keys");
        }
        again();
      },
    );
  }

  /** A stranger gets no answer to anything. */
  #askMembers(again: () => void): void {
    const path = this.random.pick([
      "/etcdserverpb.Cluster/MemberList",
      "/etcdserverpb.Maintenance/Alarm",
      "/etcdserverpb.Maintenance/Status",
      "/etcdserverpb.Lease/LeaseLeases",
    ]);
    const request = new MessageWriter().finish();
    this.#onOneNode<boolean>(
      (node, done) => this.ask(path, request, null, (answer) => done(answer.kind === "done"), node),
      (isAnswered, from) => {
        const { model } = this.kit.oracle;
        promise(
          !isAnswered || this.user !== "" || !model.auth.wasEnabledSince(from),
          "access",
          () => `${path} is answered to a stranger, with access control on since before entry ${from}`,
        );
        this.kit.counts.add(this.user === "" ? "auth-stranger" : "auth-members");
        again();
      },
    );
  }

  /** Asks a member of which it is known how far it has come; `answered` is given the entry from which on its rights may be. */
  #onOneNode<T>(
    ask: (node: NodeId, done: (answer: T) => void) => void,
    answered: (answer: T, from: number) => void,
  ): void {
    const { network, oracle } = this.kit;
    const node = this.node();
    const life = this.#lifeOf(node);
    const probe = new MessageWriter().text(1, prefixes.auth).flag(7, true).finish();
    const head = { ...this.head("/etcdserverpb.KV/Range"), commonName: "root" };
    network.unary(node, head, probe, this.kit.deadlineMs, (end) => {
      const revision = end.kind === "answer" ? (new Message(end.bytes).message(1)?.number(3) ?? 0) : 0;
      const from = oracle.indexOf(revision);
      ask(node, (answer) => answered(answer, this.#lifeOf(node) === life ? from : 0));
    });
  }
}

/** An answer is by rights that were in force at entry `from` or later. */
function mayHave(
  { oracle }: ClientKit,
  user: string,
  what: string,
  wanted: readonly Wanted[],
  from: number,
): void {
  promise(
    oracle.model.auth.mayHaveAllowed(user, wanted, from),
    "access",
    () =>
      `${what} is answered to '${user}', who had no right to ${JSON.stringify(wanted)} since entry ${from}`,
  );
}

/** A refusal, too, is by rights that were in force when the read was asked for, or later. */
function wasRefused(
  { counts, oracle }: ClientKit,
  user: string,
  code: KvErrorCode | null,
  wanted: readonly Wanted[],
  asked: number,
): void {
  const { auth } = oracle.model;
  const byRights = code === "KV_USER_EMPTY" || code === "KV_PERMISSION_DENIED";
  promise(
    !byRights || auth.mayHaveRefused(user, wanted, asked),
    "access",
    () => `'${user}' is refused ${JSON.stringify(wanted)}, and had the right since entry ${asked}`,
  );
  promise(
    code !== "KV_AUTH_OLD_REVISION" || auth.hasChangedSince(asked),
    "access",
    () => `'${user}' is told that its rights changed, and they did not since entry ${asked}`,
  );
  if (byRights) {
    counts.add("auth-read-denied");
  }
}

function wantedOf(op: RequestOp): readonly Wanted[] {
  return rangesOf(
    op,
    () => [],
    () => true,
  );
}
