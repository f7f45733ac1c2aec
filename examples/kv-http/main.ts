/** The command line of `kv-http`: `start` runs one node of a replicated key-value database, `store` writes to it. */

import { ConfigError } from "@quorate/raft";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Config, ConfigBuilder, configDefaults } from "./config.ts";
import { type StartFlags, startServer } from "./server.ts";
import { type StoreFlags, storeKeys } from "./store.ts";

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError("It is not a whole number.");
  }
  return value;
}

function port(text: string): number {
  if (whole(text) > 65_535) {
    throw new InvalidArgumentError("It is not a port.");
  }
  return whole(text);
}

function url(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? "")) {
    throw new InvalidArgumentError("It is not of the form http://host:port.");
  }
  return text;
}

/** A flag without value; its variable may also say false. */
function yes(text: string): boolean {
  if (!/^(true|false)$/.test(text)) {
    throw new InvalidArgumentError("It is neither true nor false.");
  }
  return text === "true";
}

function list(text: string): string[] {
  return text.split(",").filter((part) => part !== "");
}

function option(flags: string, description: string): Option {
  const made = new Option(flags, description);
  // Each flag as an environment variable too: --http-port is KV_HTTP_HTTP_PORT.
  return made.env(`KV_HTTP_${made.name().toUpperCase().replaceAll("-", "_")}`);
}

function number(flags: string, description: string): Option {
  return option(flags, description).argParser(whole);
}

type Times = Pick<
  Config,
  "electionTimeout" | "electionTimeoutMin" | "electionTimeoutMax" | "heartbeatInterval"
>;
type Flags = Omit<StartFlags, "data"> & Times & { readonly data?: string; readonly snapshotEntries: number };

const program = new Command("kv-http")
  .description("a replicated key-value database with an HTTP interface")
  .helpOption("--help", "print this")
  .exitOverride();

program
  .command("start")
  .description("run one node until Ctrl-C")
  .helpOption("--help", "print this")
  .addOption(option("-a, --addr <host:port>", "where this node listens for its peers").makeOptionMandatory())
  .addOption(
    option("-p, --peers <list>", "all founders, comma-separated: the first is node-aws-0, and so on")
      .argParser(list)
      .makeOptionMandatory(),
  )
  .addOption(option("-i, --id <name>", "which of them this node is").makeOptionMandatory())
  .addOption(option("-h, --http-port <port>", "where it serves HTTP").argParser(port).makeOptionMandatory())
  .addOption(option("-d, --data <folder>", "where it keeps its data (default: data/kv-http/<id>)"))
  .addOption(option("--storage <kind>", "log and stable store").choices(["wal", "lmdb"]).default("wal"))
  .addOption(option("--transport <kind>", "between the nodes").choices(["tcp", "grpc"]).default("tcp"))
  .addOption(
    option("--join [yes]", "wait to be added by POST /config, instead of founding a cluster")
      .argParser(yes)
      .preset("true")
      .default(false),
  )
  .addOption(
    // The image is the whole state as JSON: with many keys that is too much to write for each 100 entries.
    number("--snapshot-entries <count>", "entries between snapshots").default(10_000),
  )
  .addOption(number("--election-timeout <ms>", "without a leader").default(configDefaults.electionTimeout))
  .addOption(
    number("--election-timeout-min <ms>", "least allowed").default(configDefaults.electionTimeoutMin),
  )
  .addOption(number("--election-timeout-max <ms>", "most allowed").default(configDefaults.electionTimeoutMax))
  .addOption(number("--heartbeat-interval <ms>", "of a leader").default(configDefaults.heartbeatInterval))
  .action(async (flags: Flags) => {
    const settings = new ConfigBuilder()
      .set("serverId", flags.id)
      .set("electionTimeout", flags.electionTimeout)
      .set("electionTimeoutMin", flags.electionTimeoutMin)
      .set("electionTimeoutMax", flags.electionTimeoutMax)
      .set("heartbeatInterval", flags.heartbeatInterval)
      .set("maxLogEntries", flags.snapshotEntries)
      .build();
    const server = await startServer({ ...flags, data: flags.data ?? `data/kv-http/${flags.id}` }, settings);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => void server.stop());
    }
    await server.ended;
  });

program
  .command("store")
  .description("write keys concurrently")
  .helpOption("--help", "print this")
  .addOption(
    option("--leader-addr <url>", "a node's HTTP address").argParser(url).default("http://127.0.0.1:9090"),
  )
  .addOption(number("--count <writes>", "how many").default(10_000))
  .addOption(number("--concurrency <writes>", "how many at once").default(64))
  .addOption(option("--prefix <text>", "of the keys").default("key-"))
  .action((flags: StoreFlags) => storeKeys(flags));

try {
  await program.parseAsync();
  process.exit(0);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exit(error.exitCode === 0 ? 0 : 2); // It has said what is wrong.
  }
  for (const line of error instanceof ConfigError ? error.problems : [String(error)]) {
    console.error(`kv-http: ${line}`);
  }
  process.exit(error instanceof ConfigError ? 2 : 1);
}
