/**
 * The architecture as data: which packages are pure, who may depend on whom, and the few places where a rule does not
 * hold, each with its reason. An exception that no longer excuses anything is itself a finding.
 */

/** Packages without a clock, chance, I/O or a host of their own, by folder. */
export const purePackages: ReadonlySet<string> = new Set(["base", "raft", "wal", "kv", "etcd", "sim"]);

/** What each package may depend on: folders of the workspace, and names on npm. */
export const layers: Readonly<
  Record<string, { readonly packages: readonly string[]; readonly external: readonly string[] }>
> = {
  base: { packages: [], external: [] },
  raft: { packages: ["base"], external: [] },
  wal: { packages: ["base", "raft"], external: [] },
  "raft-node": { packages: ["base", "raft", "wal"], external: [] },
  "storage-lmdb": { packages: ["base", "raft"], external: ["lmdb"] },
  "transport-grpc": { packages: ["base", "raft", "grpc"], external: ["@grpc/grpc-js"] },
  kv: { packages: ["base"], external: [] },
  grpc: { packages: ["base"], external: [] },
  etcd: { packages: ["base", "kv", "raft"], external: ["@bufbuild/protobuf"] },
  sim: { packages: ["base", "raft", "wal", "kv", "etcd"], external: [] },
  server: {
    packages: ["base", "raft", "wal", "raft-node", "kv", "grpc", "etcd", "sim"],
    external: ["@bufbuild/protobuf", "bcryptjs", "commander", "jose", "pino", "prom-client", "yaml"],
  },
};

/** Folders of `packages/raft/src` that only the core may open; the host loop sees `raw-node.ts` instead. */
export const coreFolders: readonly string[] = ["core", "log", "tracker", "quorum", "conf"];

/** A place where a rule does not hold. */
export interface Exception {
  readonly rule: string;
  /** A file, or a folder with a trailing `/`. */
  readonly path: string;
  readonly reason: string;
}

/** All of them. */
export const exceptions: readonly Exception[] = [];
