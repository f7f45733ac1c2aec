/**
 * Every method, every field of its request, every kind of caller. The methods and fields come from the descriptors of the
 * .proto files, the rights from the rows below: a method or a field without a row fails, and so does a row for what there is
 * not. Whoever lacks any single right of those that are needed, and has all others there are, is refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { methodKinds } from "@quorate/etcd";
import {
  Auth,
  Cluster,
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  Election,
  fromBinary,
  Health,
  KV,
  Lease,
  Lock,
  Maintenance,
  toBinary,
  Watch,
  WatchResponseSchema,
} from "@quorate/etcd/messages";
import { GuardedMember, type Right } from "./auth-fixture.ts";
import { type Init, lease, type MessageRow, messages, type Rule, rules } from "./auth-rows.ts";
import { FakeStream, text } from "./fixture.ts";

/** One request: which field it is about, and what it needs. */
interface Case {
  readonly path: string;
  readonly init: Init;
  readonly needs: readonly Right[];
  readonly rule: Rule | null;
}

const usedRows = new Set<string>();

function rowOf(method: DescMethod, desc: DescMessage): MessageRow {
  const names = [`${method.name}:${desc.typeName}`, desc.typeName];
  const name = names.find((one) => messages[one] !== undefined);
  assert.ok(name !== undefined, `no row for ${desc.typeName}, which ${method.name} takes`);
  usedRows.add(name);
  return messages[name] as MessageRow;
}

/** A message with a field set, also one of several that exclude each other. */
function withField(base: Init, field: DescField, value: unknown): Init {
  const held = field.fieldKind === "list" ? [value] : value;
  return field.oneof === undefined
    ? { ...base, [field.localName]: held }
    : { ...base, [field.oneof.localName]: { case: field.localName, value: held } };
}

function innerMessage(field: DescField): DescMessage | null {
  return (field.fieldKind === "message" || field.fieldKind === "list") && field.message !== undefined
    ? field.message
    : null;
}

/** Transactions within transactions are looked into once. */
const nestingMax = 2;

function casesOf(method: DescMethod, desc: DescMessage, nesting = 0): Case[] {
  const row = rowOf(method, desc);
  const needs = row.needs ?? [];
  const cases: Case[] = [{ path: "", init: row.base, needs, rule: null }];
  const known = new Set(Object.keys(row.fields));
  for (const field of desc.fields) {
    const inner = innerMessage(field);
    if (inner !== null) {
      const deeper = inner.typeName === "etcdserverpb.TxnRequest" ? nesting + 1 : nesting;
      for (const one of deeper < nestingMax ? casesOf(method, inner, deeper) : []) {
        const init = withField(row.base, field, one.init);
        // What stood there needs nothing any more.
        const others = field.localName in row.base ? [] : needs;
        cases.push({ ...one, path: `${field.name}.${one.path}`, init, needs: [...others, ...one.needs] });
      }
      continue;
    }
    const fieldRow = row.fields[field.name];
    assert.ok(fieldRow !== undefined, `no row for the field ${desc.typeName}.${field.name}`);
    known.delete(field.name);
    cases.push({
      path: field.name,
      init: withField({ ...row.base, ...fieldRow.also }, field, fieldRow.value),
      needs: fieldRow.instead ?? [...needs, ...(fieldRow.adds ?? [])],
      rule: fieldRow.rule ?? null,
    });
  }
  assert.deepEqual([...known], [], `rows for fields that ${desc.typeName} has not`);
  return cases;
}

const cancel = { cancel: () => {} };
const ports = {
  createDigest: () => ({ update: () => {}, digest: () => new Uint8Array(32) }),
  reconfiguration: {
    confIndex: 1,
    newMemberId: () => 1,
    change: () => cancel,
    connectedSinceMs: () => null,
    progress: () => null,
    moveLeader: () => cancel,
  },
};

/** All rights there are, but this one. */
function allBut({ access, key, rangeEnd = "" }: Right): Right[] {
  const other = access === "read" ? "write" : "read";
  const after = rangeEnd === "" ? `${key}\0` : rangeEnd;
  return [
    { access: other, key: "\0", rangeEnd: "\0" },
    { access, key: "\0", rangeEnd: key },
    { access, key: after, rangeEnd: "\0" },
  ];
}

/** The rights whose want must lead to a refusal: each one, and of those to a range also all of it but its first key. */
function indispensable(needs: readonly Right[]): Right[] {
  const tails = needs.filter(({ rangeEnd = "" }) => rangeEnd !== "");
  return [...needs, ...tails.map((right) => ({ ...right, key: `${right.key}\0` }))];
}

/** A member with the keys, leases and users of the rows; its leader decides about leases. */
function preparedMember(needs: readonly Right[]): GuardedMember {
  const member = new GuardedMember(ports);
  const self = { name: "m", peerUrls: ["http://127.0.0.1:7"], clientUrls: [], isLearner: false };
  member.members = [{ ...self, id: member.status.memberId }];
  // So far ahead that no token is waited for.
  member.status = { ...member.status, leader: member.status.memberId, committed: 1000, applied: 1000 };
  const put = { type: "put", prevKv: false, ignoreValue: false, ignoreLease: false } as const;
  member.do({ ...put, key: text("k"), value: text("v"), lease: 0n });
  member.do({ ...put, key: text("k2"), value: text("v"), lease: 0n });
  member.do({ type: "lease-grant", id: lease, ttlSeconds: 60 });
  member.do({ type: "lease-grant", id: 8n, ttlSeconds: 60 });
  member.do({ ...put, key: text("leased"), value: text("v"), lease });
  member.addUser("exact", needs);
  member.addUser("none", []);
  member.addUser("spare", []);
  for (const [place, right] of indispensable(needs).entries()) {
    member.addUser(`without ${place}`, allBut(right));
  }
  member.api.tick(2000);
  return member;
}

const texts = {
  denied: "etcdserver: permission denied",
  empty: "etcdserver: user name is empty",
  token: "etcdserver: invalid auth token",
} as const;

type Expected = "allowed" | keyof typeof texts;

const statusNames: Readonly<Record<number, string>> = {
  3: "InvalidArgument",
  7: "PermissionDenied",
  16: "Unauthenticated",
};

/** What became of a call, as far as access control goes. */
function outcomeOf(
  member: GuardedMember,
  method: DescMethod,
  one: Case,
  metadata: Record<string, string>,
): Expected {
  const path = `/${method.parent.typeName}/${method.name}`;
  const handler = member.api.methods.get(path);
  const call = new FakeStream(path, metadata);
  const bytes = toBinary(method.input, create(method.input, one.init));
  if (handler?.kind === "bidi") {
    handler.handle(call);
    call.sendBytes(bytes);
  } else {
    handler?.handle(bytes, call);
  }
  member.runDeferred();
  const created = path === "/etcdserverpb.Watch/Watch" ? call.written[0] : undefined;
  const reason = created === undefined ? "" : fromBinary(WatchResponseSchema, created).cancelReason;
  const message = call.failure?.message ?? reason.replace(/^rpc error: code = \w+ desc = /, "");
  const known = (["denied", "empty", "token"] as const).find((name) => texts[name] === message);
  if (known !== undefined) {
    const codes = { denied: 7, empty: 3, token: 16 } as const;
    if (reason === "") {
      assert.equal(call.failure?.code, codes[known]);
    } else {
      assert.equal(reason, `rpc error: code = ${statusNames[codes[known]]} desc = ${texts[known]}`);
    }
    return known;
  }
  assert.notEqual(message, "etcdserver: revision of auth store is old");
  return "allowed";
}

function expectedOf(rule: Rule, needs: readonly Right[], who: string): Expected {
  if (who === "off" || who === "root") {
    return "allowed";
  }
  if (who === "stale") {
    return rule === "public" && needs.length === 0 ? "allowed" : "token";
  }
  if (who === "anonymous") {
    return (rule === "public" || rule === "anybody") && needs.length === 0 ? "allowed" : "empty";
  }
  if (rule === "root") {
    return "denied";
  }
  return who === "exact" || needs.length === 0 ? "allowed" : "denied";
}

function runCase(method: DescMethod, rule: Rule, one: Case): number {
  const lacking = indispensable(one.needs).map((_, place) => `without ${place}`);
  const callers = ["root", "exact", "none", "anonymous", "stale", "off", ...lacking];
  for (const who of callers) {
    const member = preparedMember(one.needs);
    let metadata: Record<string, string> = {};
    if (who !== "off") {
      member.enable();
      if (who === "stale") {
        metadata = member.login("exact");
        // Whose password changes has no token any more.
        const { token } = member.login("root");
        const changed = member.callBytes(
          "/etcdserverpb.Auth/UserChangePassword",
          Uint8Array.from([0x0a, 5, ...text("exact"), 0x12, 1, 0x78]),
          { token },
        );
        assert.equal(changed.failure, null);
      } else if (who !== "anonymous") {
        metadata = member.login(who);
      }
    }
    const expected = expectedOf(rule, one.needs, who);
    assert.equal(outcomeOf(member, method, one, metadata), expected, `${method.name} ${one.path} by ${who}`);
  }
  return callers.length;
}

const services = [KV, Watch, Lease, Cluster, Maintenance, Auth, Lock, Election, Health];

test("the rows name every method there is, and no other", () => {
  const described = services.flatMap((service) =>
    service.methods.map((method) => `/${service.typeName}/${method.name}`),
  );
  assert.deepEqual(described.toSorted(), [...methodKinds.keys()].toSorted());
  const ruled = services.flatMap((service) =>
    Object.keys(rules[service.name] ?? {}).map((name) => `/${service.typeName}/${name}`),
  );
  assert.deepEqual(ruled.toSorted(), described.toSorted());
});

for (const service of services) {
  for (const method of service.methods) {
    const rule = rules[service.name]?.[method.name];
    test(`${service.typeName}/${method.name}: each field, for each caller`, () => {
      assert.ok(rule !== undefined, "a method without a rule");
      let checked = 0;
      for (const one of casesOf(method, method.input)) {
        checked += runCase(method, one.rule ?? rule, one);
      }
      assert.ok(checked >= 6);
    });
  }
}

test("no row is left over", () => {
  assert.deepEqual(
    Object.keys(messages).filter((name) => !usedRows.has(name)),
    [],
  );
});
