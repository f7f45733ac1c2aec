export { LmdbStorage, lmdbStorage, } from "./lmdb-storage.js";
//# sourceMappingURL=index.js.map