/**
 * Whose data a directory holds. `member.json` is written once, durably, as soon as the log beside it exists, and checked at
 * each start: the directory decides who this member is, flags are only compared with it. Where a crash came between the
 * two, flags are asked again, and the log, which knows its ids, refuses other ones.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32c, errorCode, toHex, utf8Encode } from "@quorate/base";

/** One member of the first configuration. */
interface RecordedMember {
  readonly id: number;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What the directory is bound to. */
export interface MemberIdentity {
  readonly memberId: number;
  readonly clusterId: number;
  readonly clusterToken: string;
  /** The first members, this one among them, by ascending id. */
  readonly members: readonly RecordedMember[];
}

/** The data directory cannot be used; the message is one line that says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
}

/** Where the log, its hard state and the snapshots are, below the data directory. */
export const storeFolder = "member";

/** Certificates that the member made for itself, which it makes anew when they are gone. */
export const fixturesFolder = "fixtures";

/** The log's identity file: it is there from the log's first moment to its end. */
const storeMark = "meta";

const formatName = "quorate-member";
const formatVersion = 1;
/** Says whose data a directory holds. */
export const memberFile = "member.json";
// A list of a thousand members fits; more is not a file of ours.
const fileBytesMax = 1024 * 1024;

/** The text of `member.json`. */
export function encodeIdentity(identity: MemberIdentity): string {
  const { memberId, clusterId, clusterToken, members } = identity;
  const body = JSON.stringify({
    memberId,
    clusterId,
    clusterToken,
    members: members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls })),
  });
  return `{"format":"${formatName}","version":${formatVersion},"crc32c":"${checksum(body)}",\n"identity":${body}}\n`;
}

/** @throws {@link DataDirectoryError} when `text` is damaged or of another version. */
export function decodeIdentity(text: string, path: string): MemberIdentity {
  const match = /^\{"format":"([^"]*)","version":(\d+),"crc32c":"([0-9a-f]{8})",\n"identity":(.*)\}\n$/.exec(
    text,
  );
  const [, format, version, crc, body] = match ?? [];
  if (format !== formatName || body === undefined) {
    throw new DataDirectoryError(`${path} is damaged: ${restoreAdvice}`);
  }
  if (Number(version) !== formatVersion) {
    throw new DataDirectoryError(
      `${path} has format version ${version}, this program knows ${formatVersion}: start the version that wrote it`,
    );
  }
  if (crc !== checksum(body)) {
    throw new DataDirectoryError(`${path} is damaged (checksum): ${restoreAdvice}`);
  }
  return JSON.parse(body) as MemberIdentity; // Its checksum shows that encodeIdentity wrote it.
}

const restoreAdvice =
  "restore the folder from a copy, or move it away, remove the member from the cluster and add it again";

function checksum(body: string): string {
  const crc = crc32c(utf8Encode(body));
  return toHex(Uint8Array.of(crc >>> 24, crc >>> 16, crc >>> 8, crc));
}

/**
 * The identity in `directory`, or null when the directory is empty or missing.
 *
 * @throws {@link DataDirectoryError} when it is damaged, foreign or cannot be read.
 */
export function readIdentity(directory: string): MemberIdentity | null {
  const path = join(directory, memberFile);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      return null;
    }
    throw unusable(directory, error);
  }
  if (!names.includes(memberFile)) {
    const foreign = names.find((name) => !isOwnName(name));
    if (foreign !== undefined) {
      throw new DataDirectoryError(
        `data directory ${directory} has "${foreign}" but no ${memberFile}: it is damaged or not Quorate's; ${restoreAdvice}, or choose another with --data-dir`,
      );
    }
    return null;
  }
  // The log would make itself anew in an empty folder, and forget votes and writes by that.
  if (!existsSync(join(directory, storeFolder, storeMark))) {
    throw new DataDirectoryError(
      `data directory ${directory} has lost its log (${storeFolder}/${storeMark} is missing): ${restoreAdvice}`,
    );
  }
  return decodeIdentity(readText(path), path);
}

/** What a start may leave behind that did not come to its end. */
function isOwnName(name: string): boolean {
  const others = [storeFolder, fixturesFolder, "lost+found"];
  return others.includes(name) || name.startsWith(`${memberFile}.`);
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new DataDirectoryError(`${path} cannot be read (${codeOf(error)}): ${restoreAdvice}`, {
      cause: error,
    });
  }
  return bytes.length > fileBytesMax ? "" : bytes.toString("utf8");
}

/**
 * Makes the directory and the folder of the log in it.
 *
 * @throws {@link DataDirectoryError} when that is not possible.
 */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(join(directory, storeFolder), { recursive: true, mode: 0o700 });
    syncDirectory(directory);
    syncDirectory(join(directory, ".."));
  } catch (error) {
    throw unusable(directory, error);
  }
}

/**
 * Binds the directory, durably. Only the process that holds the log may call this.
 *
 * @throws {@link DataDirectoryError} when it cannot be written.
 */
export function writeIdentity(directory: string, identity: MemberIdentity): void {
  const temporary = join(directory, `${memberFile}.new`);
  try {
    const file = openSync(temporary, "w", 0o600);
    try {
      writeSync(file, encodeIdentity(identity));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(directory, memberFile));
    syncDirectory(directory);
  } catch (error) {
    throw unusable(directory, error);
  }
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function unusable(directory: string, error: unknown): DataDirectoryError {
  const code = codeOf(error);
  const advice =
    code === "ENOTDIR" || code === "EEXIST"
      ? "something else is there; choose another with --data-dir"
      : code === "ENOSPC"
        ? "free some space"
        : "make it writable for this user, or choose another with --data-dir";
  return new DataDirectoryError(`data directory ${directory} cannot be used (${code}): ${advice}`, {
    cause: error,
  });
}

function codeOf(error: unknown): string {
  return errorCode(error) ?? String(error);
}
