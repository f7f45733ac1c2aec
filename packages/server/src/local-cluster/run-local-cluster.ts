/** `quorate start`: three members in processes of their own, until Ctrl-C. */
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { lastComplaint, type MemberProcess, startMemberProcess } from "./member-process.ts";
import { checkFolder, checkPorts } from "./preflight.ts";

/** What `quorate start` runs. */
export interface LocalClusterOptions {
  readonly dataDir: string;
  /** One member each; the port after it is for its peers. */
  readonly clientPorts: readonly number[];
  /** File of the trace of all members; empty: none. */
  readonly trace: string;
}

interface LocalMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly logFile: string;
}

interface RunningMember extends LocalMember {
  readonly process: MemberProcess;
}

// A member that has much to recover is slow, not dead; one that is dead ends by itself.
const startTimeoutMs = 120_000;
// The clean stop hands over leadership and closes the log; what takes longer hangs.
const stopTimeoutMs = 20_000;

/** Runs the cluster until a signal; resolves with the exit code. @throws {@link CommandError} when it cannot start. */
export async function runLocalCluster(options: LocalClusterOptions): Promise<number> {
  checkFolder(options.dataDir);
  await checkPorts(options.clientPorts.flatMap((port) => [port, port + 1]));
  const stop = stopSignal();
  const planned = planMembers(options);
  const members = planned.map((member) => ({
    ...member,
    process: startMemberProcess({ flags: flagsOf(member, planned, options), logFile: member.logFile }),
  }));
  try {
    const leader = await waitForLeader(members, stop);
    if (leader !== null) {
      process.stdout.write(describeCluster(members, leader, options.dataDir));
      await watchMembers(members, stop);
    }
  } catch (error) {
    await stopMembers(members);
    throw error;
  }
  const clean = await stopMembers(members);
  return clean ? exitCode.ok : exitCode.failure;
}

function planMembers(options: LocalClusterOptions): LocalMember[] {
  return options.clientPorts.map((port, position) => ({
    name: `m${position + 1}`,
    clientUrl: `http://127.0.0.1:${port}`,
    peerUrl: `http://127.0.0.1:${port + 1}`,
    logFile: join(options.dataDir, `m${position + 1}.log`),
  }));
}

function flagsOf(
  member: LocalMember,
  members: readonly LocalMember[],
  options: LocalClusterOptions,
): readonly string[] {
  return [
    `--name=${member.name}`,
    `--data-dir=${join(options.dataDir, member.name)}`,
    `--listen-client-urls=${member.clientUrl}`,
    `--advertise-client-urls=${member.clientUrl}`,
    `--listen-peer-urls=${member.peerUrl}`,
    `--initial-advertise-peer-urls=${member.peerUrl}`,
    `--initial-cluster=${members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",")}`,
    ...(options.trace === "" ? [] : [`--trace=${options.trace}`]),
  ];
}

/** Aborted by the first SIGINT or SIGTERM. Later ones change nothing: the members are being stopped already. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  process.on("SIGINT", () => controller.abort());
  process.on("SIGTERM", () => controller.abort());
  return controller.signal;
}

/**
 * The member that every member calls leader, or null when `stop` came before.
 *
 * @throws {@link CommandError} when a member ends or nobody leads in time.
 */
async function waitForLeader(
  members: readonly RunningMember[],
  stop: AbortSignal,
): Promise<RunningMember | null> {
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline && !stop.aborted) {
    const ended = members.find((member) => member.process.end !== null);
    if (ended !== undefined) {
      throw new CommandError(`member ${ended.name} ${describeEnd(ended)}`);
    }
    const answers = await Promise.all(members.map((member) => askStatus(member.clientUrl)));
    const [first] = answers;
    if (first?.leader && answers.every((answer) => answer?.leader === first.leader)) {
      const leader = members[answers.findIndex((answer) => answer?.id === first.leader)];
      if (leader !== undefined) {
        return leader;
      }
    }
    await delay(50);
  }
  if (stop.aborted) {
    return null;
  }
  throw new CommandError(
    `no leader within ${startTimeoutMs / 1000} s: see the members' logs beside their data`,
  );
}

async function askStatus(clientUrl: string): Promise<{ id: string; leader: string } | null> {
  try {
    const answer = await fetch(`${clientUrl}/status`, { signal: AbortSignal.timeout(1000) });
    return (await answer.json()) as { id: string; leader: string };
  } catch {
    return null; // Not up yet: asked again, until the deadline.
  }
}

/**
 * Reports members that end by themselves, until `stop`.
 *
 * @throws {@link CommandError} when no member is left.
 */
function watchMembers(members: readonly RunningMember[], stop: AbortSignal): Promise<void> {
  let left = members.length;
  return new Promise((resolve, reject) => {
    stop.addEventListener("abort", () => resolve());
    if (stop.aborted) {
      resolve();
    }
    for (const member of members) {
      void member.process.ended.then(() => {
        if (stop.aborted) {
          return;
        }
        left -= 1;
        process.stderr.write(`quorate: member ${member.name} ${describeEnd(member)}; ${left} still run\n`);
        if (left === 0) {
          reject(new CommandError("no member runs any more"));
        }
      });
    }
  });
}

function describeEnd(member: RunningMember): string {
  const end = member.process.end;
  const complaint = lastComplaint(member.logFile);
  if (complaint !== null && end?.signal == null) {
    return `ended: ${complaint}`;
  }
  const how = end?.signal == null ? `with exit code ${end?.code}` : `by ${end.signal}`;
  return `ended ${how}: see ${member.logFile}`;
}

/** Stops what runs; whether all of it ended as asked. */
async function stopMembers(members: readonly RunningMember[]): Promise<boolean> {
  const running = members.filter((member) => member.process.end === null);
  const ends = await Promise.all(
    running.map(async ({ process: child }) => {
      child.kill("SIGTERM");
      const patience = new AbortController();
      const late = delay(stopTimeoutMs, "late", { signal: patience.signal }).catch(() => "late");
      const first = await Promise.race([child.ended, late]);
      patience.abort();
      if (first === "late") {
        child.kill("SIGKILL");
      }
      return child.ended;
    }),
  );
  return ends.every((end) => end.code === 0);
}

function describeCluster(members: readonly RunningMember[], leader: RunningMember, dataDir: string): string {
  const rows = members.map(
    (member) => `  ${member.name}  ${member.clientUrl}${member === leader ? "  leads" : ""}`,
  );
  const hosts = members.map((member) => member.clientUrl.slice("http://".length)).join(",");
  const folder = relative(process.cwd(), dataDir) || ".";
  return `${leader.name} leads a cluster of ${members.length}; data and logs in ${folder}:
${rows.join("\n")}

  etcdctl --endpoints=${hosts} put greeting hello
  curl ${leader.clientUrl}/health

Ctrl-C stops all members.
`;
}
