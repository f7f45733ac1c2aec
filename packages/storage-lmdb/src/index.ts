/** The public list of `@quorate/storage-lmdb`. */
export type { LmdbIdentity, LmdbStorageStart } from "./identity.ts";
export {
  LmdbStorage,
  type LmdbStorageLimits,
  lmdbStorage,
} from "./lmdb-storage.ts";
