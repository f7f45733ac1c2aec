/** The public list of `@quorate/wal`. */

export {
  keyError,
  keyIdOfEntry,
  keyIdOfImage,
  type StoreCipher,
  sealedEntryVersion,
  sealedImageMagic,
} from "./cipher.ts";
export { forgetVote, moveStoreToCluster, readStoreMetadata } from "./cluster-id.ts";
export { type DamagedRange, describeWalFact, readWal, type WalFact, type WalSummary } from "./dump.ts";
export {
  type DirectoryEntry,
  type FileCompleted,
  FileError,
  type FileHandle,
  type FileSystem,
} from "./file-system.ts";
export type { StoreIdentity, StoreMetadata } from "./format/identity.ts";
export {
  batchBytesMaxDefault,
  openWal,
  segmentBytesDefault,
  type WalBootstrap,
  type WalOptions,
  windowBytesMaxDefault,
} from "./open-wal.ts";
export { type WalLimits, WalStorage } from "./wal-storage.ts";
