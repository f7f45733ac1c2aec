/** The files of a store: copied durably to where a recovery works on them, and listed for the switch. */
import { existsSync, constants as fileConstants, mkdirSync, readdirSync, statSync } from "node:fs";
import { copyFile, open } from "node:fs/promises";
import { join } from "node:path";
import { replaceDurably } from "../durable-files.ts";
import { type SwitchPart, syncDirectory } from "./switch.ts";

/** What a store is made of. The identity comes last: it is what makes a directory a store. */
const storeFiles = ["hard-state-a", "hard-state-b", "vote-floor", "meta"] as const;
const storeFolders = ["wal", "snap"] as const;

/** Copies the store in `source` to the folder `target`, durably. Where the file system can share blocks, it does. */
export async function copyStore(
  source: string,
  target: string,
  onProgress: (copied: number, total: number) => void,
): Promise<void> {
  const names = namesOf(source);
  let total = 0;
  for (const name of names) {
    total += statSync(join(source, name)).size;
  }
  for (const folder of storeFolders) {
    mkdirSync(join(target, folder), { recursive: true, mode: 0o700 });
  }
  let copied = 0;
  for (const name of names) {
    await copyFile(join(source, name), join(target, name), fileConstants.COPYFILE_FICLONE);
    const file = await open(join(target, name), "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    copied += statSync(join(target, name)).size;
    onProgress(copied, total);
  }
  for (const folder of storeFolders) {
    syncDirectory(join(target, folder));
  }
  syncDirectory(target);
}

function namesOf(source: string): string[] {
  const names: string[] = storeFiles.filter((name) => existsSync(join(source, name)));
  for (const folder of storeFolders) {
    if (existsSync(join(source, folder))) {
      names.push(...readdirSync(join(source, folder)).map((name) => `${folder}/${name}`));
    }
  }
  return names;
}

/** Everything that the switch puts in place or moves away; `files` are the application's, by their path from the data directory. */
export function writeParts(
  folder: string,
  files: Readonly<Record<string, Uint8Array>>,
): readonly SwitchPart[] {
  const own = ["hard-state-a", "hard-state-b", "wal", "snap", "cut"];
  const parts: SwitchPart[] = own.map((name) => ({ from: name, to: name }));
  // Who the peers were, and what the log may have lost, was the old cluster's.
  parts.push({ from: null, to: "vote-floor" }, { from: null, to: "peers.json" });
  // ORDER: the keys are paths, none is integer-like.
  for (const [place, [to, bytes]] of Object.entries(files).entries()) {
    const from = `application-${place + 1}`;
    replaceDurably(join(folder, from), bytes);
    parts.push({ from, to });
  }
  parts.push({ from: "meta", to: "meta" });
  return parts;
}
