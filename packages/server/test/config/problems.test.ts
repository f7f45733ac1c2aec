/** Wrong configurations: each mistake is named by its flag, and all of them at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/config/config-error.ts";
import { type ConfigInput, resolveConfig } from "../../src/config/resolve.ts";

function problemsOf(argv: string[], rest: Partial<ConfigInput> = {}): string[] {
  try {
    resolveConfig({ argv, environment: {}, ...rest });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split("\n");
  }
  return [];
}

const cases: readonly { readonly title: string; readonly argv: string[]; readonly problem: RegExp }[] = [
  { title: "unknown flag", argv: ["--nmae=x"], problem: /^--nmae: unknown flag, did you mean --name\?$/ },
  { title: "unknown flag, nothing near", argv: ["--zzzzzzzz"], problem: /^--zzzzzzzz: unknown flag$/ },
  { title: "word that is no flag", argv: ["extra"], problem: /^extra: is not a flag$/ },
  { title: "flag without value", argv: ["--name"], problem: /^--name: needs a value$/ },
  { title: "empty name", argv: ["--name="], problem: /^--name: must not be empty$/ },
  {
    title: "text for a number",
    argv: ["--heartbeat-interval=1s"],
    problem: /^--heartbeat-interval: needs a whole number, not "1s"$/,
  },
  { title: "number out of bounds", argv: ["--max-txn-ops=0"], problem: /^--max-txn-ops: must be 1 to/ },
  {
    title: "election timeout too long",
    argv: ["--election-timeout=50001"],
    problem: /^--election-timeout: must be 1 to 50000/,
  },
  {
    title: "election timeout below 5 heartbeats",
    argv: ["--election-timeout=499", "--heartbeat-interval=100"],
    problem: /^--election-timeout: 499 ms must be at least 5 times --heartbeat-interval \(100 ms\)$/,
  },
  {
    title: "not a URL",
    argv: ["--listen-peer-urls=localhost"],
    problem: /^--listen-peer-urls: "localhost" is not a URL/,
  },
  {
    title: "URL without port",
    argv: ["--listen-peer-urls=http://127.0.0.1"],
    problem: /^--listen-peer-urls: .* does not have the form http:\/\/host:port$/,
  },
  {
    title: "URL with a path",
    argv: ["--advertise-client-urls=http://127.0.0.1:1/x"],
    problem: /must be scheme, host and port only$/,
  },
  {
    title: "URL with another scheme",
    argv: ["--advertise-client-urls=ftp://127.0.0.1:1"],
    problem: /must be http or https$/,
  },
  {
    title: "unix socket between members",
    argv: ["--listen-peer-urls=unix:///run/m.sock"],
    problem: /^--listen-peer-urls: "unix:\/\/\/run\/m.sock": only clients are served at unix sockets/,
  },
  {
    title: "TLS at a unix socket",
    argv: ["--listen-metrics-urls=unixs://localhost:2379"],
    problem:
      /^--listen-metrics-urls: .*: TLS is not spoken at unix sockets, use unix:\/\/ and the file's rights$/,
  },
  {
    title: "unix socket with a name that systems cut",
    argv: [`--advertise-client-urls=unix:///${"x".repeat(103)}`],
    problem: /: the name of a socket's file has at most 103 bytes$/,
  },
  {
    title: "unix socket for two purposes",
    argv: ["--listen-metrics-urls=unix:///run/e.sock", "--listen-client-http-urls=unix:/run/e.sock"],
    problem: /^--listen-metrics-urls: unix:\/\/\/run\/e.sock is also in --listen-client-http-urls$/,
  },
  {
    title: "URL twice",
    argv: ["--advertise-client-urls=http://a:1,http://a:1"],
    problem: /^--advertise-client-urls: names http:\/\/a:1 twice$/,
  },
  {
    title: "listener by host name",
    argv: ["--listen-peer-urls=http://example.com:2380"],
    problem: /^--listen-peer-urls: .*a listener needs an IP address or localhost/,
  },
  {
    title: "several URLs for peers",
    argv: ["--listen-peer-urls=http://127.0.0.1:1,http://127.0.0.2:1"],
    problem: /^--listen-peer-urls: only one URL can be served$/,
  },
  {
    title: "TLS without a certificate",
    argv: ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://127.0.0.1:1"],
    problem: /^--listen-client-urls: https:\/\/127.0.0.1:1 needs --cert-file and --key-file, or --auto-tls$/,
  },
  {
    title: "TLS between members without a certificate",
    argv: ["--listen-peer-urls=https://127.0.0.1:1"],
    problem:
      /^--listen-peer-urls: https:\/\/127.0.0.1:1 needs --peer-cert-file and --peer-key-file, or --peer-auto-tls$/,
  },
  {
    title: "a certificate without its key",
    argv: ["--peer-cert-file=a.pem"],
    problem: /^--peer-key-file: is needed with the certificate$/,
  },
  {
    title: "a key without its certificate",
    argv: ["--key-file=a.pem"],
    problem: /^--cert-file: is needed with the key$/,
  },
  {
    title: "certificates of clients that nobody could verify",
    argv: ["--client-cert-auth"],
    problem: /^--client-cert-auth: needs --cert-file and --trusted-ca-file/,
  },
  {
    title: "revoked members that nobody could verify",
    argv: ["--peer-crl-file=a.pem"],
    problem: /^--peer-crl-file: needs --peer-cert-file and --peer-trusted-ca-file/,
  },
  {
    title: "versions of TLS in the wrong order",
    argv: ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
    problem: /^--tls-max-version: is older than --tls-min-version$/,
  },
  {
    title: "cipher suites that TLS 1.3 does not have",
    argv: ["--tls-min-version=TLS1.3", "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    problem: /^--cipher-suites: cannot be chosen when only TLS 1.3 is spoken$/,
  },
  {
    title: "an unknown cipher suite",
    argv: ["--cipher-suites=TLS_RSA_WITH_RC4_128_SHA"],
    problem: /^--cipher-suites: there is no cipher suite "TLS_RSA_WITH_RC4_128_SHA"$/,
  },
  {
    title: "listening without advertising",
    argv: ["--listen-client-urls=http://127.0.0.1:1"],
    problem: /^--advertise-client-urls: is required when --listen-client-urls is set$/,
  },
  {
    title: "clients and peers on one port",
    argv: ["--listen-peer-urls=http://localhost:2379"],
    problem: /^--listen-peer-urls: http:\/\/localhost:2379 is also in --listen-client-urls$/,
  },
  {
    title: "metrics where HTTP is",
    argv: ["--listen-metrics-urls=http://127.0.0.1:7", "--listen-client-http-urls=http://127.0.0.1:7"],
    problem: /^--listen-metrics-urls: http:\/\/127.0.0.1:7 is also in --listen-client-http-urls$/,
  },
  {
    title: "HTTP listener by host name",
    argv: ["--listen-client-http-urls=http://example.com:1"],
    problem: /^--listen-client-http-urls: .*a listener needs an IP address or localhost/,
  },
  {
    title: "initial cluster without this member",
    argv: ["--name=m9", "--initial-cluster=m1=http://a:1,m2=http://b:1"],
    problem: /^--initial-cluster: does not have this member: --name is "m9", the members are m1, m2$/,
  },
  {
    title: "initial cluster with other URLs than advertised",
    argv: ["--name=m1", "--initial-cluster=m1=http://a:1"],
    problem:
      /^--initial-advertise-peer-urls: http:\/\/localhost:2380 is not what --initial-cluster has for "m1"/,
  },
  {
    title: "initial cluster with a URL twice",
    argv: ["--name=m1", "--initial-cluster=m1=http://a:1,m2=http://a:1"],
    problem: /^--initial-cluster: has the URL http:\/\/a:1 twice$/,
  },
  {
    title: "initial cluster that is no list",
    argv: ["--initial-cluster=http://a:1"],
    problem: /^--initial-cluster: "http:\/\/a:1" does not have the form name=peer-url$/,
  },
  {
    title: "unknown word",
    argv: ["--log-format=xml"],
    problem: /^--log-format: must be one of json, console/,
  },
];

for (const { title, argv, problem } of cases) {
  test(`${title} is the one problem`, () => {
    const problems = problemsOf(argv);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", problem);
  });
}

test("all problems are reported at once, whatever their source", () => {
  const problems = problemsOf(["--nmae=x", "--max-txn-ops=no", "--config-file=f.yaml"], {
    environment: { ETCD_LOG_LEVEL: "loud" },
    readFile: () => "log-format: xml\nsnapshot-cuont: 3\nname: {a: 1}\n",
  });
  assert.deepEqual(problems.toSorted(), [
    '--log-format (log-format in f.yaml): must be one of json, console, not "xml"',
    '--log-level (ETCD_LOG_LEVEL): must be one of debug, info, warn, error, panic, fatal, not "loud"',
    '--max-txn-ops: needs a whole number, not "no"',
    "--nmae: unknown flag, did you mean --name?",
    "name in f.yaml: needs a text, a number or a list of these",
    "snapshot-cuont in f.yaml: unknown key, did you mean snapshot-count?",
  ]);
});

test("a file that cannot be read or is no YAML is one problem", () => {
  const missing = problemsOf(["--config-file=/nowhere/etcd.yaml"]);
  assert.equal(missing.length, 1);
  assert.match(missing[0] ?? "", /^--config-file: cannot be read: ENOENT/);
  for (const text of ["name: [", "- a\n- b\n", "just text", "name: a\nname: b\n"]) {
    assert.equal(problemsOf(["--config-file=f"], { readFile: () => text }).length, 1, text);
  }
});

test("unknown variables are warned of, an empty one is not set", () => {
  const { config, warnings } = resolveConfig({
    argv: [],
    environment: { ETCD_NMAE: "x", QUORATE_ARGV0: "etcd", ETCD_NAME: "", HOME: "/" },
  });
  assert.equal(config.name, "default");
  assert.deepEqual(warnings, ["environment variable ETCD_NMAE is not known and not used"]);
});
