/** The work of `quorate status`: asks every endpoint at once, shows each, also those that do not answer. */
import { type EndpointStatus, EtcdClient, type ListedMember } from "../client/etcd-client.ts";
import { CommandError, exitCode } from "./exit-code.ts";
import { formatTable } from "./table.ts";

/** What `quorate status` was asked. */
export interface StatusRequest {
  readonly endpoints: readonly string[];
  readonly format: "table" | "json";
  readonly timeoutMs: number;
}

/** One endpoint's answer, or why there is none. */
type Row =
  | { readonly endpoint: string; readonly status: EndpointStatus; readonly member: ListedMember | null }
  | { readonly endpoint: string; readonly error: string };

/** Prints the status; resolves with 1 when an endpoint did not answer. */
export async function runStatus(request: StatusRequest): Promise<number> {
  if (request.endpoints.length === 0) {
    throw new CommandError("--endpoints: needs at least one URL", exitCode.usage);
  }
  const rows = await Promise.all(request.endpoints.map((endpoint) => ask(endpoint, request.timeoutMs)));
  process.stdout.write(request.format === "json" ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
  return rows.some((row) => "error" in row) ? exitCode.failure : exitCode.ok;
}

async function ask(endpoint: string, timeoutMs: number): Promise<Row> {
  let client: EtcdClient | null = null;
  try {
    client = new EtcdClient(endpoint, timeoutMs);
    const [status, members] = await Promise.all([client.status(), client.memberList()]);
    return { endpoint, status, member: members.find((member) => member.id === status.memberId) ?? null };
  } catch (error) {
    return { endpoint, error: error instanceof Error ? error.message : String(error) };
  } finally {
    client?.close();
  }
}

function table(rows: readonly Row[]): string {
  const head = ["ENDPOINT", "NAME", "ID", "ROLE", "TERM", "INDEX", "APPLIED", "DB SIZE", "VERSION", "ERRORS"];
  return formatTable([
    head,
    ...rows.map((row) => {
      if ("error" in row) {
        return [row.endpoint, "", "", "unreachable", "", "", "", "", "", row.error];
      }
      const { status, member } = row;
      return [
        row.endpoint,
        member?.name ?? "",
        status.memberId,
        roleOf(status),
        String(status.raftTerm),
        String(status.raftIndex),
        String(status.raftAppliedIndex),
        describeBytes(status.dbBytes),
        status.version,
        status.errors.join("; "),
      ];
    }),
  ]);
}

function roleOf(status: EndpointStatus): string {
  if (status.isLearner) {
    return "learner";
  }
  return status.leader === status.memberId ? "leader" : "follower";
}

function describeBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
