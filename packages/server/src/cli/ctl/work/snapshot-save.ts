/** `snapshot save`: streams one member's state into a file that gets its name only when it is whole and its checksum fits. */
import { createHash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { Maintenance } from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, CtlError, ctlExit } from "../ctl-error.ts";
import { humanBytes } from "../go-text.ts";
import { Progress } from "../progress.ts";
import { interruption } from "../terminal.ts";

const digestBytes = 32;

/** Saves a snapshot of the one endpoint. */
export async function snapshotSave(context: CtlContext): Promise<number> {
  const { args, output } = context;
  const [file] = args;
  if (file === undefined || args.length !== 1) {
    throw badArguments("snapshot save expects one argument <filename>");
  }
  const client = await context.client();
  if (client.config.endpoints.length !== 1) {
    throw badArguments(
      `snapshot must be requested to one selected node, not multiple [${client.config.endpoints.map(({ text }) => text).join(" ")}]`,
    );
  }
  const part = `${file}.part`;
  const handle = await openPart(part);
  const stop = interruption();
  try {
    const version = await receive(context, handle, stop);
    await handle.sync();
    await handle.close();
    await rename(part, file);
    output.lines([`Snapshot saved at ${file}`, ...(version === "" ? [] : [`Server version ${version}`])]);
    return ctlExit.ok;
  } catch (error) {
    await handle.close();
    await rm(part, { force: true });
    throw stop.aborted ? new CtlError("interrupted: nothing was saved", ctlExit.interrupted) : error;
  }
}

async function openPart(part: string): Promise<FileHandle> {
  try {
    return await open(part, "w", 0o600);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CtlError(`could not open ${part} (${why})`, ctlExit.interrupted, false, { cause: error });
  }
}

/** Writes what comes; the server's storage version. @throws CtlError when what came is not what the server sent. */
async function receive(context: CtlContext, handle: FileHandle, stop: AbortSignal): Promise<string> {
  const client = await context.client();
  const stream = await client.stream(Maintenance.method.snapshot);
  stop.addEventListener("abort", () => stream.cancel(), { once: true });
  stream.write({});
  stream.end();
  const hash = createHash("sha256");
  const progress = new Progress("saving");
  let tail: Uint8Array = new Uint8Array(0);
  let receivedBytes = 0;
  let version = "";
  try {
    for await (const { blob, remainingBytes, version: named } of stream) {
      version = named === "" ? version : named;
      receivedBytes += blob.length;
      await handle.appendFile(blob);
      // The last bytes are the checksum of all before them, so that many are held back.
      const waiting = Buffer.concat([tail, blob]);
      const known = Math.max(0, waiting.length - digestBytes);
      hash.update(waiting.subarray(0, known));
      tail = waiting.subarray(known);
      progress.show(receivedBytes, receivedBytes + Number(remainingBytes), humanBytes(receivedBytes));
    }
  } catch (error) {
    throw client.failureOf(error);
  } finally {
    progress.end();
  }
  if (stop.aborted || receivedBytes <= digestBytes || !hash.digest().equals(tail)) {
    throw new CtlError(
      "what arrived is cut or damaged: its SHA-256 does not fit; nothing was saved",
      ctlExit.interrupted,
    );
  }
  return version;
}
