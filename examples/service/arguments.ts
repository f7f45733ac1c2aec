/** What stands on the command line, or in the environment where it does not. */

/** Addresses by member id. */
export type Members = ReadonlyMap<number, string>;

/** Something that was typed is wrong: one line, exit code 2. */
export class UsageError extends Error {}

/** Who a server is, and with whom it forms a cluster. */
interface ServerArguments {
  readonly id: number;
  readonly members: Members;
  readonly peers: Members;
  readonly dataDir: string;
}

/** Peers are reached that many ports above the clients' address. */
const peerPortOffset = 1000;

/**
 * `1 1 127.0.0.1:8080 2 127.0.0.1:8081`: the own id, then id and address of each member. In the environment: `ID`, `MEMBERS`,
 * `DATA_DIR`, and `PEERS` where peers are not reached 1,000 ports above the clients' addresses.
 */
export function serverArguments(
  name: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ServerArguments {
  const [first = env["ID"] ?? "", ...rest] = words;
  const id = toId(first);
  const members = toMembers(rest.length > 0 ? rest : split(env["MEMBERS"]));
  if (!members.has(id)) {
    throw new UsageError(`member ${id} is not in the list of members`);
  }
  const peers = env["PEERS"] === undefined ? above(members) : toMembers(split(env["PEERS"]));
  return { id, members, peers, dataDir: env["DATA_DIR"] ?? `data/${name}/${id}` };
}

/** Addresses of members for a client; in the environment: `ADDRESSES`. */
export function clientAddresses(words: readonly string[], env: NodeJS.ProcessEnv = process.env): string[] {
  const addresses = words.length > 0 ? [...words] : split(env["ADDRESSES"]);
  if (addresses.length === 0) {
    throw new UsageError("no address of a member is given");
  }
  return addresses.map(toAddress);
}

/** A value that must be JSON. */
export function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${text} is not JSON (a text is written with its quotes: '"text"')`);
  }
}

/** Runs a program: what is typed wrong is told with exit code 2, what fails with 1, each in one line. */
export async function runProgram(name: string, usage: string, program: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await program();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const wrong = error instanceof UsageError;
    console.error(`${name}: ${message.replaceAll("\n", " ")}${wrong ? ` (${usage})` : ""}`);
    process.exitCode = wrong ? 2 : 1;
  }
}

function toId(text: string): number {
  const id = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(id) || id < 1) {
    throw new UsageError(`"${text}" is not a member id: 1, 2, …`);
  }
  return id;
}

function toMembers(words: readonly string[]): Members {
  if (words.length === 0 || words.length % 2 !== 0) {
    throw new UsageError("the list of members is id and address, id and address, …");
  }
  const members = new Map<number, string>();
  for (let i = 0; i < words.length; i += 2) {
    const id = toId(words[i] ?? "");
    if (members.has(id)) {
      throw new UsageError(`member ${id} is listed twice`);
    }
    const address = toAddress(words[i + 1] ?? "");
    if ([...members.values()].includes(address)) {
      throw new UsageError(`${address} is listed twice`);
    }
    members.set(id, address);
  }
  return members;
}

function toAddress(text: string): string {
  const port = Number(/^[^:\s/]+:(\d{1,5})$/.exec(text)?.[1] ?? 0);
  if (port < 1 || port > 65_535) {
    throw new UsageError(`"${text}" is not host:port`);
  }
  return text;
}

function above(members: Members): Members {
  return new Map(
    [...members].map(([id, address]) => {
      const colon = address.lastIndexOf(":");
      const port = Number(address.slice(colon + 1)) + peerPortOffset;
      return [id, toAddress(`${address.slice(0, colon)}:${port}`)];
    }),
  );
}

function split(text = ""): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}
