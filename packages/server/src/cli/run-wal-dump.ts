/** The work of `quorate wal dump`: every fact of the log, a line each, and at the end what it comes to. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "@quorate/base";
import { AesCipher, KeyRing, NodeFileSystem } from "@quorate/raft-node";
import { describeWalFact, readWal, type WalSummary } from "@quorate/wal";
import { readKeys } from "../config/key-file.ts";
import { storeFolder } from "../identity/data-directory.ts";
import { CommandError, exitCode } from "./exit-code.ts";

/** What `quorate wal dump` was asked. */
export interface WalDumpRequest {
  readonly dataDir: string;
  readonly json: boolean;
  /** Keys to try on encrypted entries. */
  readonly keyFile: string | null;
}

/** Prints the log of a data directory; resolves with 1 when it is damaged. It only reads. */
export async function runWalDump({ dataDir, json, keyFile }: WalDumpRequest): Promise<number> {
  const cipher = keyFile === null ? null : new AesCipher(new KeyRing(readKeys(keyFile)));
  const fileSystem = new NodeFileSystem(storeOf(dataDir));
  const print = (fact: object, text: string): void => {
    process.stdout.write(`${json ? JSON.stringify(fact, readable) : text}\n`);
  };
  const summary = await new Promise<WalSummary>((resolve, reject) => {
    readWal(
      fileSystem,
      (fact) => print(fact, describeWalFact(fact)),
      (error, found) => {
        if (error !== null || found === undefined) {
          reject(
            new CommandError(`${dataDir} cannot be read: ${error?.message}`, undefined, { cause: error }),
          );
        } else {
          resolve(found);
        }
      },
      cipher,
    );
  });
  const { damaged, floor, keyIds, torn, unopenedCount } = summary;
  const keys = keyIds.length === 0 ? "" : `, needs keys ${keyIds.join(", ")}`;
  const unopened = unopenedCount === 0 ? "" : `, ${unopenedCount} entries do not open`;
  print(
    { kind: "summary", damagedCount: damaged.length, tornCount: torn.length, floor, keyIds, unopenedCount },
    `${damaged.length} damaged, ${torn.length} torn${keys}${unopened}`,
  );
  return damaged.length > 0 || unopenedCount > 0 ? exitCode.failure : exitCode.ok;
}

/** The log's folder: in the data directory of a server, or the folder itself where a library user has only that. */
function storeOf(dataDir: string): string {
  let names: string[];
  try {
    names = readdirSync(dataDir);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(
      `${dataDir} cannot be read (${code}): name the data directory of a member`,
      undefined,
      {
        cause: error,
      },
    );
  }
  return names.includes(storeFolder) ? join(dataDir, storeFolder) : dataDir;
}

/** Byte strings as hexadecimal text. */
function readable(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? toHex(value) : value;
}
