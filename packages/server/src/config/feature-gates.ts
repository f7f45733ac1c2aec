/** The switches of `--feature-gates`: etcd's names, and what becomes of each here. */
import { assert } from "@quorate/base";
import type { ValueKind } from "./value-kind.ts";

/** ETCD: what can be switched and has an effect here. */
export type FeatureGate =
  | "CompactHashCheck"
  | "FastLeaseKeepAlive"
  | "InitialCorruptCheck"
  | "LeaseCheckpoint";

/** One switch of etcd 3.7. */
interface GateRow {
  readonly name: string;
  /** ETCD: `AllAlpha` and `AllBeta` set all of a kind. */
  readonly stage: "alpha" | "beta";
  readonly etcdDefault: boolean;
  /** Served: does what etcd's does. No effect: taken, and noted in the log. Refused: cannot be switched on. */
  readonly fate: "served" | "no effect" | "refused";
  readonly why: string;
}

/** All of them, as `etcd --help` lists them. */
export const featureGates: readonly GateRow[] = [
  {
    name: "CompactHashCheck",
    stage: "alpha",
    etcdDefault: false,
    fate: "served",
    why: "members compare hashes of what the last compaction left, each --compact-hash-check-time",
  },
  {
    name: "FastLeaseKeepAlive",
    stage: "beta",
    etcdDefault: true,
    fate: "served",
    why: "a leader keeps leases alive for a tenth of a second after a majority has confirmed it; switched off, a majority confirms each keep-alive",
  },
  {
    name: "InitialCorruptCheck",
    stage: "alpha",
    etcdDefault: false,
    fate: "served",
    why: "a member that starts compares its state with the leader's before it serves, and ends when they differ",
  },
  {
    name: "LeaseCheckpoint",
    stage: "alpha",
    etcdDefault: false,
    fate: "served",
    why: "the leader notes now and then what is left of leases, and a new leader goes on from there instead of granting the full time again",
  },
  {
    name: "LeaseCheckpointPersist",
    stage: "alpha",
    etcdDefault: false,
    fate: "no effect",
    why: "what LeaseCheckpoint notes is durable without it; asking for it without LeaseCheckpoint is refused, as by etcd",
  },
  {
    name: "PriorityRequest",
    stage: "alpha",
    etcdDefault: false,
    fate: "no effect",
    why: "requests are not delayed by others that could be passed",
  },
  {
    name: "SetMemberLocalAddr",
    stage: "alpha",
    etcdDefault: false,
    fate: "refused",
    why: "the system chooses the address from which peers are dialled",
  },
  {
    name: "StopGRPCServiceOnDefrag",
    stage: "alpha",
    etcdDefault: false,
    fate: "no effect",
    why: "requests are answered while a member defragments",
  },
  {
    name: "TxnModeWriteWithSharedBuffer",
    stage: "beta",
    etcdDefault: true,
    fate: "no effect",
    why: "a transaction reads from memory, there is no buffer to share",
  },
];

const groupNames: Readonly<Record<string, GateRow["stage"]>> = { AllAlpha: "alpha", AllBeta: "beta" };

/** What a text says of each switch, in words of the log where one has no effect; or what is wrong with it. */
interface GateReading {
  readonly on: readonly FeatureGate[];
  readonly notes: readonly string[];
}

/** Reads `A=true,B=false`. */
export function readGates(text: string): GateReading | { readonly problem: string } {
  const explicit = new Map<string, boolean>();
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") {
      continue;
    }
    const [, name = "", value = ""] = /^(\w+)=(\w+)$/.exec(part) ?? [];
    const known = Object.hasOwn(groupNames, name) || featureGates.some((gate) => gate.name === name);
    if (!known) {
      return { problem: `"${part}" is no switch of etcd's; each is Name=true or Name=false` };
    }
    if (value !== "true" && value !== "false") {
      return { problem: `"${part}" needs true or false` };
    }
    explicit.set(name, value === "true");
  }
  return weigh(explicit);
}

function weigh(explicit: ReadonlyMap<string, boolean>): GateReading | { readonly problem: string } {
  const on: FeatureGate[] = [];
  const notes: string[] = [];
  for (const gate of featureGates) {
    const group = gate.stage === "alpha" ? "AllAlpha" : "AllBeta";
    const given = explicit.get(gate.name);
    const value = given ?? explicit.get(group) ?? gate.etcdDefault;
    if (gate.fate === "refused" && given === true) {
      return { problem: `${gate.name} cannot be switched on: ${gate.why}` };
    }
    if (gate.fate === "served" && value) {
      on.push(servedGate(gate.name));
    }
    if (gate.fate !== "served" && value !== gate.etcdDefault) {
      notes.push(`--feature-gates: ${gate.name} has no effect: ${gate.why}`);
    }
  }
  const persists = explicit.get("LeaseCheckpointPersist") === true;
  return persists && !on.includes("LeaseCheckpoint")
    ? { problem: "LeaseCheckpointPersist requires LeaseCheckpoint" }
    : { on, notes };
}

const served: ReadonlySet<string> = new Set<FeatureGate>([
  "CompactHashCheck",
  "FastLeaseKeepAlive",
  "InitialCorruptCheck",
  "LeaseCheckpoint",
]);

function servedGate(name: string): FeatureGate {
  assert(served.has(name), "feature gates: a served gate has no effect in the code");
  return name as FeatureGate; // Held by the set above.
}

/** Those that are on and have an effect where nobody asks for anything. */
export const gatesDefault: readonly FeatureGate[] = featureGates
  .filter(({ etcdDefault, fate }) => fate === "served" && etcdDefault)
  .map(({ name }) => servedGate(name));

function isOnByDefault(name: string): boolean {
  return gatesDefault.some((one) => one === name);
}

/** The type of `--feature-gates`; its value is the names of those that are on and have an effect. */
export const gatesKind: ValueKind<readonly FeatureGate[]> = {
  placeholder: "<Name=true|false,…>",
  parse(text) {
    const reading = readGates(text);
    return "problem" in reading ? reading : { value: reading.on };
  },
  format: (value) =>
    featureGates
      .filter(
        ({ name, fate }) => fate === "served" && value.includes(servedGate(name)) !== isOnByDefault(name),
      )
      .map(({ name }) => `${name}=${!isOnByDefault(name)}`)
      .join(","),
};
