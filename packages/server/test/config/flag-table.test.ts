/** Every flag, by every source. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { environmentNames, flagOf, settings } from "../../src/config/flag-table.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { FlagValues } from "../../src/config/server-config.ts";

const verifiedClients = ["--cert-file=/c.pem", "--key-file=/k.pem", "--trusted-ca-file=/ca.pem"];
const verifiedPeers = ["--peer-cert-file=/c.pem", "--peer-key-file=/k.pem", "--peer-trusted-ca-file=/ca.pem"];

/** A value other than the default for each flag, with flags that it cannot stand without. */
const samples: { readonly [K in keyof FlagValues]: { text: string; also?: string[]; read?: string } } = {
  name: { text: "m7" },
  dataDir: { text: "/somewhere/else" },
  listenClientUrls: {
    text: "http://127.0.0.1:1,http://[::1]:2",
    also: ["--advertise-client-urls=http://a:1"],
  },
  advertiseClientUrls: { text: "http://example.com:2379" },
  listenClientHttpUrls: { text: "http://127.0.0.1:3" },
  listenPeerUrls: { text: "http://10.0.0.1:2380" },
  socketReusePort: { text: "true" },
  initialAdvertisePeerUrls: { text: "http://10.0.0.1:2380" },
  initialCluster: { text: "default=http://localhost:2380,other=http://b:2380" },
  initialClusterState: { text: "existing" },
  initialClusterToken: { text: "another" },
  heartbeatIntervalMs: { text: "150" },
  electionTimeoutMs: { text: "2000" },
  preVote: { text: "false" },
  fastFailover: { text: "false" },
  encryptionKeyFile: { text: "/etc/quorate/keys" },
  snapshotCount: { text: "100" },
  snapshotCatchupEntries: { text: "17" },
  quotaBackendBytes: { text: "-1" },
  autoDisarmNoSpace: { text: "true" },
  maxRequestBytes: { text: "1000" },
  strictReconfigCheck: { text: "false" },
  maxLearners: { text: "2" },
  autoCompactionMode: { text: "revision" },
  autoCompactionRetention: { text: "1h30m" },
  compactionBatchLimit: { text: "10" },
  compactionSleepIntervalMs: { text: "5ms" },
  watchProgressNotifyIntervalMs: { text: "2m" },
  featureGates: { text: "LeaseCheckpoint=true" },
  maxTxnOps: { text: "7" },
  certFile: { text: "/c.pem", also: ["--key-file=/k.pem"] },
  keyFile: { text: "/k.pem", also: ["--cert-file=/c.pem"] },
  trustedCaFile: { text: "/ca.pem" },
  clientCertAuth: { text: "true", also: verifiedClients },
  clientCrlFile: { text: "/crl.pem", also: verifiedClients },
  clientCertAllowedHostname: { text: "a.example,b.example", also: verifiedClients },
  autoTls: { text: "true" },
  peerCertFile: { text: "/c.pem", also: ["--peer-key-file=/k.pem"] },
  peerKeyFile: { text: "/k.pem", also: ["--peer-cert-file=/c.pem"] },
  peerTrustedCaFile: { text: "/ca.pem" },
  peerClientCertAuth: { text: "true", also: verifiedPeers },
  peerClientCertFile: { text: "/c.pem", also: ["--peer-client-key-file=/k.pem"] },
  peerClientKeyFile: { text: "/k.pem", also: ["--peer-client-cert-file=/c.pem"] },
  peerCrlFile: { text: "/crl.pem", also: verifiedPeers },
  peerCertAllowedCn: { text: "m1,m2", also: verifiedPeers },
  peerCertAllowedHostname: { text: "a.example", also: verifiedPeers },
  peerSkipClientSanVerification: { text: "true" },
  peerAutoTls: { text: "true" },
  selfSignedCertValidityYears: { text: "3" },
  cipherSuites: { text: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
  tlsMinVersion: { text: "TLS1.3" },
  tlsMaxVersion: { text: "TLS1.2" },
  enableGrpcGateway: { text: "false" },
  cors: { text: "https://a.example,https://b.example" },
  hostWhitelist: { text: "a.example" },
  maxConcurrentStreams: { text: "100" },
  grpcKeepaliveIntervalMs: { text: "3h" },
  grpcKeepaliveTimeoutMs: { text: "90s" },
  grpcImplementation: { text: "node" },
  listenMetricsUrls: { text: "http://127.0.0.1:4,http://127.0.0.1:5" },
  logger: { text: "zap" },
  warningUnaryRequestDurationMs: { text: "1s" },
  authToken: { text: "jwt,sign-method=ES256,priv-key=/k.pem,ttl=1h" },
  authTokenTtlSeconds: { text: "60" },
  bcryptCost: { text: "4" },
  corruptCheckTimeMs: { text: "12h" },
  compactHashCheckTimeMs: { text: "5m" },
  trace: { text: "/tmp/trace" },
  logLevel: { text: "debug" },
  logFormat: { text: "console" },
  logOutputs: { text: "stdout,/tmp/log" },
  configFile: { text: "some.yaml" },
};

/** What the setting became, as text; --initial-cluster and --config-file do not stand in the configuration as such. */
function settingText(setting: keyof FlagValues, input: Parameters<typeof resolveConfig>[0]): string {
  const { config } = resolveConfig({ readFile: () => "", ...input });
  if (setting === "configFile") {
    return config.explicit.has("configFile") ? samples.configFile.text : "";
  }
  if (setting === "initialCluster") {
    return config.initialCluster.map(({ name, peerUrls }) => `${name}=${peerUrls[0]?.text}`).join(",");
  }
  return flagOf(setting).kind.format(config[setting]);
}

for (const setting of settings) {
  const { text, also = [] } = samples[setting];
  const { kind, name } = flagOf(setting);
  const [own, etcd] = environmentNames(name);
  describe(`--${name}`, () => {
    test("by flag, in all spellings", () => {
      const apart =
        kind.isSwitch === true
          ? []
          : [
              [`--${name}`, text],
              [`-${name}`, text],
            ];
      for (const spelling of [...apart, [`--${name}=${text}`], [`-${name}=${text}`]]) {
        assert.equal(settingText(setting, { argv: [...also, ...spelling], environment: {} }), text);
      }
    });
    test("by QUORATE_ and by ETCD_, the first before the second, the flag before both", () => {
      assert.equal(settingText(setting, { argv: also, environment: { [own]: text } }), text);
      assert.equal(settingText(setting, { argv: also, environment: { [etcd]: text } }), text);
      assert.equal(settingText(setting, { argv: also, environment: { [own]: text, [etcd]: "!" } }), text);
      const flag = `--${name}=${text}`;
      assert.equal(
        settingText(setting, { argv: [...also, flag], environment: { [own]: "!", [etcd]: "!" } }),
        text,
      );
    });
    test("by a key of the file, which gives way to the environment", () => {
      if (setting === "configFile") {
        const input = { argv: ["--config-file=a"], environment: {}, readFile: () => "config-file: b" };
        assert.throws(() => resolveConfig(input), /config-file in a: a file cannot name another/);
        return;
      }
      const argv = [...also, "--config-file=etcd.yaml"];
      const readFile = (): string => `${name}: ${JSON.stringify(text)}\n`;
      assert.equal(settingText(setting, { argv, environment: {}, readFile }), text);
      const bad = (): string => `${name}: "!"\n`;
      assert.equal(settingText(setting, { argv, environment: { [etcd]: text }, readFile: bad }), text);
    });
    test("its default parses to itself", () => {
      const { defaultValue } = flagOf(setting);
      const defaultText = kind.format(defaultValue);
      if (defaultText !== "") {
        assert.deepEqual(kind.parse(defaultText), { value: defaultValue });
      }
    });
  });
}

test("the last of repeated flags wins", () => {
  assert.equal(settingText("name", { argv: ["--name=a", "--name=b"], environment: {} }), "b");
});

test("a file's numbers and lists are read as their text", () => {
  const readFile = (): string => "heartbeat-interval: 50\nlog-outputs: [stderr, stdout]\n";
  const { config } = resolveConfig({ argv: ["--config-file=x"], environment: {}, readFile });
  assert.equal(config.heartbeatIntervalMs, 50);
  assert.deepEqual(config.logOutputs, ["stderr", "stdout"]);
});

test("the data directory follows the name, the initial cluster this member", () => {
  const { config } = resolveConfig({ argv: ["--name=m1"], environment: {} });
  assert.equal(config.dataDir, "m1.etcd");
  assert.deepEqual(
    config.initialCluster.map(({ name, peerUrls }) => [name, peerUrls.map((url) => url.text)]),
    [["m1", ["http://localhost:2380"]]],
  );
});
