/** The work of `quorate recover`: shows what was found and what may be lost, asks, and makes the directory a new cluster's. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { StorageError } from "@quorate/raft";
import {
  finishRecovery,
  type Recovered,
  type RecoveryFindings,
  recoverDataDirectory,
} from "@quorate/raft-node";
import { readKeys } from "../config/key-file.ts";
import {
  DataDirectoryError,
  encodeIdentity,
  type MemberIdentity,
  readIdentity,
  storeFolder,
} from "../identity/data-directory.ts";
import { idText } from "../identity/member-id.ts";
import { dataDirectoryFailure } from "../services/start-failure.ts";
import { CommandError, exitCode } from "./exit-code.ts";
import { describeFindings, jsonFindings } from "./recovery-text.ts";

/** What `quorate recover` was asked. */
export interface RecoverFlags {
  readonly dataDir: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly discardDamaged: boolean;
  /** Empty: the data is not encrypted. */
  readonly encryptionKeyFile: string;
  readonly json: boolean;
}

/** Recovers a data directory; resolves with 0 when it did, or when it only had to show; with 1 when the operator said no. */
export async function runRecover(flags: RecoverFlags): Promise<number> {
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true && !flags.json;
  if (!flags.dryRun && !flags.yes && !interactive) {
    throw new CommandError(
      "recover asks before it changes anything: say --yes, or --dry-run to only look",
      exitCode.usage,
    );
  }
  const identity = identityOf(flags.dataDir);
  const recovered = await recover(flags, identity);
  if (recovered === null) {
    return flags.dryRun ? exitCode.ok : exitCode.failure;
  }
  const { backup, findings, lastIndex } = recovered;
  if (flags.json) {
    print({ ...jsonFindings(findings), recovered: true, backup, lastIndex });
    return exitCode.ok;
  }
  say(
    `recovered: cluster ${idText(findings.newClusterId)}, only member ${idText(findings.nodeId)}, ${lastIndex} entries`,
  );
  say(`what was replaced is kept in ${backup}`);
  say(
    "start it with the flags it had before; empty the folders of the other members and add them as new ones",
  );
  return exitCode.ok;
}

async function recover(flags: RecoverFlags, identity: MemberIdentity): Promise<Recovered | null> {
  const { dataDir, discardDamaged, encryptionKeyFile } = flags;
  try {
    return await recoverDataDirectory({
      dataDir: join(dataDir, storeFolder),
      discardDamaged,
      ...(encryptionKeyFile === "" ? {} : { encryption: readKeys(encryptionKeyFile) }),
      confirm: (findings) => confirm(flags, findings, identity),
      files: ({ newClusterId }) => ({
        "../member.json": new TextEncoder().encode(encodeIdentity(aloneIn(identity, newClusterId))),
      }),
      onProgress: progressOf(flags),
    });
  } catch (error) {
    throw refusalOf(dataDir, error) ?? error;
  }
}

function refusalOf(dataDir: string, error: unknown): CommandError | null {
  if (error instanceof StorageError && error.info.code === "STORAGE_LOCKED") {
    return new CommandError(
      `data directory ${dataDir} is in use by process ${error.info.pid}: stop that member first`,
      exitCode.failure,
      { cause: error },
    );
  }
  if (error instanceof StorageError && error.info.code === "STORAGE_CORRUPT") {
    const { file, offset, why } = error.info;
    return new CommandError(
      `data directory ${dataDir} is damaged: ${file} at byte ${offset}: ${why}; nothing was changed; --discard-damaged goes on without it, --dry-run with it shows what that takes`,
      exitCode.failure,
      { cause: error },
    );
  }
  return dataDirectoryFailure(dataDir, error);
}

/** Reads whose directory it is. A start that was interrupted right after a recovery is carried through first. */
function identityOf(dataDir: string): MemberIdentity {
  try {
    const store = join(dataDir, storeFolder);
    if (existsSync(store)) {
      finishRecovery(store);
    }
    const identity = readIdentity(dataDir);
    if (identity === null) {
      throw new CommandError(
        `data directory ${dataDir} holds no member: name the folder that --data-dir named`,
      );
    }
    return identity;
  } catch (error) {
    if (error instanceof DataDirectoryError) {
      throw new CommandError(error.message, exitCode.failure, { cause: error });
    }
    throw refusalOf(dataDir, error) ?? error;
  }
}

function aloneIn(identity: MemberIdentity, clusterId: number): MemberIdentity {
  return { ...identity, clusterId, members: identity.members.filter(({ id }) => id === identity.memberId) };
}

async function confirm(
  flags: RecoverFlags,
  findings: RecoveryFindings,
  identity: MemberIdentity,
): Promise<boolean> {
  if (flags.json) {
    if (flags.dryRun) {
      print({ ...jsonFindings(findings), recovered: false });
    }
    return !flags.dryRun;
  }
  for (const line of describeFindings(findings, identity)) {
    say(line);
  }
  if (flags.dryRun || flags.yes) {
    return !flags.dryRun;
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await asking.question('type "recover" to go on: ')).trim() === "recover";
  } finally {
    asking.close();
  }
}

/** A line on a terminal, kept up to date; nothing elsewhere. */
function progressOf(flags: RecoverFlags): (copied: number, total: number) => void {
  if (flags.json || process.stderr.isTTY !== true) {
    return () => {};
  }
  return (copied, total) => {
    const percent = total === 0 ? 100 : Math.floor((100 * copied) / total);
    process.stderr.write(`\rcopying ${percent} %${copied === total ? "\n" : ""}`);
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function print(value: object): void {
  say(JSON.stringify(value));
}
