/** The log's file system with a watch on its syncs: the one number that tells whether a disk is good enough. */
import type { FileCompleted, FileHandle, FileSystem } from "@quorate/wal";

/** Calls `synced` with the seconds that each sync, and each append, of a file below `folder` took, when it succeeded. */
export function observeSyncs(
  inner: FileSystem,
  folder: string,
  synced: (seconds: number) => void,
): FileSystem {
  const timed = (completed: FileCompleted<void>): FileCompleted<void> => {
    const startedAtMs = performance.now();
    return (error) => {
      if (error === null) {
        synced((performance.now() - startedAtMs) / 1000);
      }
      completed(error);
    };
  };
  const observe = (file: FileHandle): FileHandle => ({
    read: (offset, length, completed, room) => file.read(offset, length, completed, room),
    write: (offset, bytes, completed) => file.write(offset, bytes, completed),
    truncate: (lengthBytes, completed) => file.truncate(lengthBytes, completed),
    size: (completed) => file.size(completed),
    close: (completed) => file.close(completed),
    append: (offset, bytes, completed) => file.append(offset, bytes, timed(completed)),
    sync: (completed) => file.sync(timed(completed)),
  });
  return {
    open(path, mode, completed: FileCompleted<FileHandle>) {
      inner.open(path, mode, (error, file) => {
        completed(error, file !== undefined && path.startsWith(folder) ? observe(file) : file);
      });
    },
    makeDirectory: (path, completed) => inner.makeDirectory(path, completed),
    list: (path, completed) => inner.list(path, completed),
    rename: (from, to, completed) => inner.rename(from, to, completed),
    unlink: (path, completed) => inner.unlink(path, completed),
    syncDirectory: (path, completed) => inner.syncDirectory(path, completed),
  };
}
