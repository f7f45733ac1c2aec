/**
 * Random interaction scripts: every command of the format, in proportions that differ from script to script, so that one
 * script is all membership and the next all lost messages. A script is a list of blocks: a command line, and for some an
 * input line. What the answers are, somebody else must say.
 */
import { Prng } from "@quorate/base";

/** The script that `seed` stands for. */
export function generateScript(seed: number): string[] {
  const random = new Prng(seed).stream("interaction-script");
  const script: string[] = [];
  const world = begin(random, script);
  const weights = drawWeights(random);
  const length = random.chance(0.05) ? 400 : between(random, 20, 110);
  while (script.length < length) {
    pick(random, weights)(world, script);
  }
  for (const id of ids(world)) script.push(`raft-log ${id}`, `status ${id}`);
  script.push("raft-state");
  return script;
}

/** What a script needs to know of itself to stay meaningful. */
interface World {
  readonly random: Prng;
  nodeCount: number;
  /** Where logs begin. */
  readonly baseIndex: number;
  proposalCount: number;
  readCount: number;
  /** Options that nodes added later repeat. */
  readonly options: string;
}

type Step = (world: World, script: string[]) => void;

/** A command with its usual share; each script multiplies it by a factor of its own. */
const steps: readonly (readonly [share: number, step: Step])[] = [
  [10, tick],
  [6, campaign],
  [14, propose],
  [8, proposeConfChange],
  [2, addNodes],
  [2, forgetLeader],
  [3, transferLeadership],
  [2, reportUnreachable],
  [22, processReady],
  [22, deliver],
  [6, appendThread],
  [6, applyThread],
  [12, stabilize],
  [4, readIndex],
  [2, restart],
  [3, compact],
  [2, sendSnapshot],
  [2, look],
];

const factors: readonly number[] = [0, 0.2, 1, 1, 1, 3];

function drawWeights(random: Prng): number[] {
  const weights = steps.map(([share]) => share * draw(random, factors));
  // Without these nothing ever happens.
  if (!weights.some((weight) => weight > 0)) weights.fill(1);
  return weights;
}

function pick(random: Prng, weights: readonly number[]): Step {
  let rest = random.fraction() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [place, [, step]] of steps.entries()) {
    rest -= weights[place] as number;
    if (rest < 0) return step;
  }
  return stabilize;
}

function begin(random: Prng, script: string[]): World {
  const nodeCount = draw(random, [1, 2, 3, 3, 3, 4, 5, 5, 7]);
  const baseIndex = draw(random, [2, 5, 10, 10]);
  const options = drawOptions(random);
  if (random.chance(0.04)) {
    script.push(`add-nodes ${nodeCount}${options}`);
    return { random, nodeCount, baseIndex: 0, proposalCount: 0, readCount: 0, options };
  }
  const all = Array.from({ length: nodeCount }, (_, i) => i + 1);
  const learners = all.filter((id) => id > 1 && random.chance(0.15));
  const voters = all.filter((id) => !learners.includes(id) && (id === 1 || random.chance(0.9)));
  const learnerOption = learners.length === 0 ? "" : ` learners=(${learners.join(",")})`;
  script.push(
    `add-nodes ${nodeCount} voters=(${voters.join(",")})${learnerOption} index=${baseIndex}${options}`,
  );
  return { random, nodeCount, baseIndex, proposalCount: 0, readCount: 0, options };
}

function drawOptions(random: Prng): string {
  const options: string[] = [];
  const checkQuorum = random.chance(0.45);
  if (random.chance(0.4)) options.push("prevote=true");
  if (checkQuorum) options.push("checkquorum=true");
  if (random.chance(0.45)) options.push("async-storage-writes=true");
  if (random.chance(0.3)) options.push(`inflight=${between(random, 1, 4)}`);
  if (random.chance(0.35)) options.push(`max-size-per-msg=${draw(random, [0, 0, 10, 20, 40])}`);
  if (random.chance(0.25)) options.push(`max-committed-size-per-ready=${draw(random, [1, 10, 20, 40])}`);
  if (checkQuorum && random.chance(0.3)) options.push("read-only=lease-based");
  if (random.chance(0.3)) options.push("step-down-on-removal=true");
  if (random.chance(0.08)) options.push("disable-conf-change-validation=true");
  return options.map((option) => ` ${option}`).join("");
}

function tick(world: World, script: string[]): void {
  const { random } = world;
  const id = anyId(world);
  // A time-out is drawn again with each change of state, so it is set before each tick; more than three ticks never pass before.
  script.push(
    `set-randomized-election-timeout ${id} timeout=${draw(random, [3, 3, 4, 5, 50, 50])}`,
    random.chance(0.6) ? `tick-heartbeat ${id}` : `tick-election ${id}`,
  );
}

function campaign(world: World, script: string[]): void {
  script.push(`campaign ${anyId(world)}`);
}

const oddData = [
  '"quoted"',
  "back\\slash",
  "日本",
  "ü",
  "a.b",
  "a-long-piece-of-data-that-fills-a-message-by-itself",
  "0",
  "%d",
];

function propose(world: World, script: string[]): void {
  const { random } = world;
  const id = anyId(world);
  const count = random.chance(0.2) ? between(random, 2, 5) : 1;
  for (let i = 0; i < count; i++) {
    const data = random.chance(0.05) ? draw(random, oddData) : `p${++world.proposalCount}`;
    script.push(`propose ${id} ${data}`);
  }
}

function proposeConfChange(world: World, script: string[]): void {
  const { random } = world;
  const id = anyId(world);
  const single = random.chance(0.35);
  const count = single ? 1 : draw(random, [0, 1, 1, 2, 2, 3, 4]);
  const changes = Array.from({ length: count }, () => {
    const member = between(random, 1, world.nodeCount + (random.chance(0.2) ? 2 : 1));
    return `${draw(random, ["v", "v", "l", "r", "r", "u"])}${member}`;
  });
  const transition = random.chance(0.5)
    ? ""
    : ` transition=${draw(random, ["auto", "implicit", "explicit"])}`;
  script.push(`propose-conf-change ${id}${single ? " v1=true" : transition}\n${changes.join(" ")}`);
  if (!single && random.chance(0.15)) {
    script.push("stabilize", `propose-conf-change ${id}\n`);
  }
}

const nodeCountMax = 12;

function addNodes(world: World, script: string[]): void {
  const count = world.random.chance(0.8) ? 1 : 2;
  if (world.nodeCount + count > nodeCountMax) return;
  world.nodeCount += count;
  script.push(`add-nodes ${count}${world.random.chance(0.9) ? world.options : drawOptions(world.random)}`);
}

function forgetLeader(world: World, script: string[]): void {
  script.push(`forget-leader ${anyId(world)}`);
}

function transferLeadership(world: World, script: string[]): void {
  script.push(`transfer-leadership from=${anyId(world)} to=${anyId(world)}`);
}

function reportUnreachable(world: World, script: string[]): void {
  script.push(`report-unreachable ${anyId(world)} ${anyId(world)}`);
}

function processReady(world: World, script: string[]): void {
  script.push(`process-ready ${someIds(world).join(" ")}`);
}

const deliverTypes = [
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgPreVote",
  "MsgPreVoteResp",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgSnap",
  "MsgProp",
  "MsgReadIndex",
  "MsgTimeoutNow",
  "MsgStorageAppendResp",
  "MsgStorageApplyResp",
];

function deliver(world: World, script: string[]): void {
  const { random } = world;
  const targets = someIds(world);
  const dropped = random.chance(0.3) ? targets.splice(0, between(random, 1, targets.length)) : [];
  const words = [...targets.map(String), ...(dropped.length > 0 ? [`drop=(${dropped.join(",")})`] : [])];
  const type = random.chance(0.15) ? ` type=${draw(random, deliverTypes)}` : "";
  script.push(`deliver-msgs ${words.join(" ")}${type}`);
}

function appendThread(world: World, script: string[]): void {
  script.push(`process-append-thread ${someIds(world).join(" ")}`);
}

function applyThread(world: World, script: string[]): void {
  script.push(`process-apply-thread ${someIds(world).join(" ")}`);
}

function stabilize(world: World, script: string[]): void {
  const only = world.random.chance(0.4) ? ` ${someIds(world).join(" ")}` : "";
  script.push(`stabilize${only}`);
}

function readIndex(world: World, script: string[]): void {
  const again = world.readCount > 0 && world.random.chance(0.1);
  const number = again ? between(world.random, 1, world.readCount) : ++world.readCount;
  script.push(`read-index ${anyId(world)} r${number}`);
}

function restart(world: World, script: string[]): void {
  script.push(`restart ${anyId(world)}`);
}

function compact(world: World, script: string[]): void {
  const index = world.baseIndex + between(world.random, 1, 4 + Math.ceil(world.proposalCount / 2));
  script.push(`compact ${anyId(world)} ${index}`);
}

function sendSnapshot(world: World, script: string[]): void {
  if (world.nodeCount < 2) return;
  const source = anyId(world);
  const target = anyId(world);
  if (source !== target) script.push(`send-snapshot ${source} ${target}`);
}

function look(world: World, script: string[]): void {
  const id = anyId(world);
  script.push(draw(world.random, ["raft-state", `raft-log ${id}`, `status ${id}`]));
}

function ids(world: World): number[] {
  return Array.from({ length: world.nodeCount }, (_, i) => i + 1);
}

function anyId(world: World): number {
  return between(world.random, 1, world.nodeCount);
}

/** One to all members, in any order. */
function someIds(world: World): number[] {
  const all = ids(world);
  const count = world.random.chance(0.6) ? 1 : between(world.random, 1, all.length);
  const chosen: number[] = [];
  while (chosen.length < count) {
    const place = between(world.random, 0, all.length - 1);
    chosen.push(...all.splice(place, 1));
  }
  return chosen;
}

function draw<T>(random: Prng, values: readonly T[]): T {
  return values[random.integer(0, values.length)] as T;
}

/** A whole number, both ends included. */
function between(random: Prng, low: number, high: number): number {
  return random.integer(low, high + 1);
}
