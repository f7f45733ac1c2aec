/** A container engine for the test: podman with runc, installed by apt where that may be done, and a base image made of this Node. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's top folder. */
const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const work = join(root, ".cache/deploy");
const aptPackages = ["podman", "runc", "netavark", "aardvark-dns", "iptables", "uidmap"];

/** What a finished program left behind. */
interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end, within `seconds`. */
export function run(command: string, args: readonly string[], seconds = 120): Outcome {
  const { status, stdout, stderr } = spawnSync(command, [...args], {
    cwd: root,
    encoding: "utf8",
    timeout: seconds * 1000,
    env: {
      ...process.env,
      CONTAINERS_CONF: join(work, "containers.conf"),
      PYTHONPATH: join(work, "python"),
      NODE_OPTIONS: "",
    },
  });
  return { code: status ?? 127, output: `${stdout ?? ""}${stderr ?? ""}` };
}

/** Like {@link run}, for what must succeed. */
export function must(command: string, args: readonly string[], seconds?: number): string {
  const { code, output } = run(command, args, seconds);
  if (code !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`);
  }
  return output;
}

/** Null when containers can be run; else why not. */
export function prepareEngine(): string | null {
  mkdirSync(work, { recursive: true });
  // Without systemd, as in most sandboxes, only these settings work.
  writeFileSync(
    join(work, "containers.conf"),
    `[containers]
default_ulimits=["nofile=8192:8192","nproc=8192:8192"]
[network]
network_backend="netavark"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
`,
  );
  if (process.platform !== "linux") {
    return "not on Linux";
  }
  if (!["podman", "runc"].every(isInstalled)) {
    if (process.getuid?.() !== 0 || !isInstalled("apt-get")) {
      return "no podman with runc here, and this user cannot install it";
    }
    const installed = run("apt-get", ["install", "-y", "--no-install-recommends", ...aptPackages], 150);
    if (installed.code !== 0) {
      return `podman could not be installed: ${installed.output.trimEnd().split("\n").at(-1)}`;
    }
  }
  const info = run("podman", ["info"]);
  if (info.code !== 0) {
    return `podman does not work here: ${info.output.trimEnd().split("\n").at(-1)}`;
  }
  if (!existsSync(join(work, "python/podman_compose.py"))) {
    const args = ["-m", "pip", "install", "--quiet", "--target", join(work, "python"), "podman-compose"];
    if (run("python3", args).code !== 0) {
      return "podman-compose is not to be had: no python3 with pip, or no registry";
    }
  }
  return null;
}

function isInstalled(name: string): boolean {
  return run("sh", ["-c", `command -v ${name}`]).code === 0;
}

/** An image of this Node and the libraries it is linked with: no registry of images is needed. */
export function makeBaseImage(name: string): void {
  const files = [...must("ldd", [process.execPath]).matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  const rootfs = join(work, "base/rootfs");
  for (const [from, to] of [
    [process.execPath, "/usr/local/bin/node"],
    ...files.map((file) => [file, file]),
  ]) {
    const target = join(rootfs, to ?? "");
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(from ?? "", target);
  }
  mkdirSync(join(rootfs, "tmp"), { recursive: true });
  writeFileSync(join(work, "base/Dockerfile"), "FROM scratch\nCOPY rootfs /\nENV PATH=/usr/local/bin\n");
  must("podman", ["build", "--format", "docker", "--tag", name, join(work, "base")]);
}
