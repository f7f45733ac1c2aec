/** Which version this is, in our words and in etcd's. */
import { readFileSync } from "node:fs";

/** The etcd version whose API this server speaks; clients decide by it what they may ask for. */
export const etcdVersion = "3.7.0";

/** The package's own version. */
export function packageVersion(): string {
  // Two folders up from both src/cli and dist/cli.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** What `--version` prints. ETCD: scripts and etcd's tests read the first line. */
export function versionText(startedAsEtcd: boolean): string {
  const own = `quorate ${packageVersion()}`;
  return startedAsEtcd
    ? `etcd Version: ${etcdVersion}\nGit SHA: ${own}\nGo Version: none, Node.js ${process.version}\nGo OS/Arch: ${process.platform}/${process.arch}`
    : own;
}
