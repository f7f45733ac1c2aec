/** Flags of etcd that are not honoured: each is known, has no effect and is noted, or is refused with the reason. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../../src/config/config-error.ts";
import { flagOf, settingOf, settings } from "../../src/config/flag-table.ts";
import { oldNames, otherFlags } from "../../src/config/other-flags.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { isKnown } from "../../src/config/sources.ts";
import { parseDuration } from "../../src/config/value-kind.ts";

/** Name and default of each flag, `?` where etcd prints no default. */
const etcdFlags: ReadonlyMap<string, string> = new Map(
  readFileSync(join(import.meta.dirname, "../golden/etcd-3.7.3-flags.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", value = ""] = /^(\S+) ?(.*)$/.exec(line) ?? [];
      return [name, value];
    }),
);

/** A text that asks for something. */
function sampleOf({ type }: { readonly type: string }, etcdDefault: string): string {
  if (type === "switch") {
    return etcdDefault === "true" ? "false" : "true";
  }
  return type === "time" ? "17s" : "17";
}

test("every flag of etcd 3.7 is known, and in one table only", () => {
  assert.ok(etcdFlags.size > 100, "the list is whole");
  for (const name of etcdFlags.keys()) {
    assert.ok(isKnown(name), `--${name}`);
    assert.equal(settingOf(name) !== null, !otherFlags.has(name), `--${name}`);
  }
  for (const setting of settings) {
    const { isEtcds, name } = flagOf(setting);
    assert.equal(isEtcds, etcdFlags.has(name) || name === "config-file", `--${name}`);
  }
});

test("etcd's defaults are those it prints", () => {
  // What it prints as a name, or computes elsewhere.
  const printed = new Map([
    ["max-concurrent-streams", "4294967295"],
    ["data-dir", "<name>.etcd"],
    ["backend-batch-interval", "0s"],
  ]);
  for (const [name, etcdDefault] of etcdFlags) {
    const setting = settingOf(name);
    const ours = setting === null ? otherFlags.get(name)?.etcdDefault : flagOf(setting).etcdDefault;
    const theirs = printed.get(name) ?? etcdDefault;
    if (theirs !== "?") {
      assert.ok(
        ours === theirs || (ours !== undefined && parseDuration(ours) === parseDuration(theirs)),
        `--${name}: "${ours}", etcd has "${theirs}"`,
      );
    }
  }
});

test("asking for etcd's default is asking for nothing, in a refused flag, too", () => {
  for (const { etcdDefault, name } of otherFlags.values()) {
    const { warnings } = resolveConfig({ argv: [`--${name}=${etcdDefault}`], environment: {} });
    assert.deepEqual(warnings, [], name);
  }
});

test("anything else is noted once, or refused, by every source", () => {
  for (const flag of otherFlags.values()) {
    const { fate, name, why } = flag;
    const text = sampleOf(flag, flag.etcdDefault);
    const variable = `ETCD_${name.toUpperCase().replaceAll("-", "_")}`;
    const sources = [
      [`--${name}`, { argv: [`--${name}=${text}`], environment: {} }],
      [variable, { argv: [], environment: { [variable]: text } }],
      [
        `${name} in f`,
        {
          argv: ["--config-file=f"],
          environment: {},
          readFile: () => `${JSON.stringify(name)}: "${text}"`,
        },
      ],
    ] as const;
    for (const [where, input] of sources) {
      if (fate === "no effect") {
        assert.deepEqual(resolveConfig(input).warnings, [`${where} has no effect: ${why}`]);
      } else {
        const place = where.startsWith("--") ? where : `--${name} (${where})`;
        assert.throws(
          () => resolveConfig(input),
          new ConfigError([{ where: place, problem: `is not served: ${why}` }]),
        );
      }
    }
  }
});

test("a switch may stand alone, and the word behind it is no value", () => {
  const { warnings } = resolveConfig({ argv: ["--memory-mlock", "--name=a"], environment: {} });
  assert.equal(warnings.length, 1);
  assert.throws(
    () => resolveConfig({ argv: ["--pre-vote", "false"], environment: {} }),
    /^ConfigError: false: is not a flag$/,
  );
});

test("names of 3.6 are taken, but not beside the new ones", () => {
  const [old] = ["experimental-watch-progress-notify-interval"];
  const { config, warnings } = resolveConfig({ argv: [`--${old}=3m`], environment: {} });
  assert.equal(config.watchProgressNotifyIntervalMs, 180_000);
  assert.deepEqual(warnings, [`--${old} is the old name of --watch-progress-notify-interval`]);
  assert.throws(
    () => resolveConfig({ argv: [`--${old}=3m`, "--watch-progress-notify-interval=3m"], environment: {} }),
    /is the old name of --watch-progress-notify-interval, which is given, too/,
  );
  for (const name of oldNames.values()) {
    assert.ok(settingOf(name) !== null || otherFlags.has(name), name);
  }
});

test("the file may have etcd's sections, keys without values, and times in nanoseconds", () => {
  const file = (text: string) => ({ argv: ["--config-file=f"], environment: {}, readFile: () => text });
  const { config } = resolveConfig(
    file(
      "watch-progress-notify-interval: 180000000000\ngrpc-keepalive-timeout: 7s\ndiscovery:\nwal-dir: ''\nsocket-options:\n  reuse-port: true\nclient-transport-security:\n",
    ),
  );
  assert.equal(config.watchProgressNotifyIntervalMs, 180_000);
  assert.equal(config.grpcKeepaliveTimeoutMs, 7000);
  assert.equal(config.socketReusePort, true);
  assert.throws(
    () => resolveConfig(file("socket-options:\n  reuse-prot: true\npeer-transport-security: 3\n")),
    /socket-options\.reuse-prot in f: unknown key.*peer-transport-security in f: must hold keys and values/s,
  );
});
