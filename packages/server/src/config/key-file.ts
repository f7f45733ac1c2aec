/** The file that `--encryption-key-file` names, with what is wrong with it as a usage error. */
import { ConfigError } from "@quorate/raft";
import { type EncryptionKeys, KeyRing, readKeyFile } from "@quorate/raft-node";
import { CommandError, exitCode } from "../cli/exit-code.ts";

/** Reads and checks the keys. @throws CommandError naming the file and every problem; never a key. */
export function readKeys(path: string): EncryptionKeys {
  try {
    const keys = readKeyFile(path);
    new KeyRing(keys); // Two keys of one id show only here.
    return keys;
  } catch (error) {
    if (error instanceof ConfigError) {
      throw new CommandError(`--encryption-key-file: ${error.problems.join("; ")}`, exitCode.usage, {
        cause: error,
      });
    }
    throw error;
  }
}
