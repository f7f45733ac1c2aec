/** The public list of `@quorate/storage-lmdb`. */
export type { LmdbIdentity } from "./identity.ts";
export {
  LmdbStorage,
  type LmdbStorageLimits,
  type LmdbStorageStart,
  lmdbStorage,
} from "./lmdb-storage.ts";
