/** What tests and the simulator use beside the store itself. */
export { type CrashMode, sectorBytes } from "./memory-file.ts";
export {
  MemoryFileSystem,
  type MemoryFileSystemOptions,
  type MemoryOperation,
  type MemoryOperationKind,
} from "./memory-file-system.ts";
