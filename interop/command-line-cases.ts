/** The command lines that are compared one by one, each from a store of its own: what is given to the store, asked, and typed in. */

/** One comparison. */
export interface Case {
  readonly words: readonly string[];
  /** Keys and values, written one after the other into an empty store before it. */
  readonly given?: readonly (readonly [string, string])[];
  readonly input?: string;
  /** Only exit codes are equal: the wording is each program's own. */
  readonly codesOnly?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

const keys = [
  ["a", "1"],
  ["a", "2"],
  ["b", "x\ny"],
  ["c\u0001", 'z"é\u00a0€'],
] as const;

/** What `-w` takes. */
export const formats = ["simple", "json", "fields", "table", "protobuf"] as const;
/** protobuf carries the numbers of the moment as bytes, so only its refusals can be compared. */
export const readable = ["simple", "json", "fields", "table"] as const;

const reads: readonly (readonly string[])[] = [
  ["get", "a"],
  ["get", "nothing"],
  ["get", "", "--prefix"],
  ["get", "", "--prefix", "--keys-only"],
  ["get", "", "--prefix", "--hex"],
  ["get", "", "--prefix", "--limit=1"],
  ["get", "", "--from-key", "--order=DESCEND", "--sort-by=MODIFY"],
  ["get", "a", "c"],
  ["get", "", "--prefix", "--count-only"],
  ["get", "", "--prefix", "--print-value-only"],
  ["get", "a", "--consistency=s"],
  ["get", "", "--prefix", "--stream"],
  ["member", "list"],
  ["member", "list", "--hex"],
  ["endpoint", "status"],
  ["endpoint", "health"],
  ["endpoint", "hashkv"],
  ["endpoint", "status", "--cluster"],
  ["alarm", "list"],
  ["alarm", "disarm"],
  ["auth", "status"],
  ["user", "list"],
  ["role", "list"],
  ["downgrade", "cancel"],
  ["version"],
];

/** Every command line that is compared by itself. */
export const cases: readonly Case[] = [
  ...readable.flatMap((format) =>
    reads.map((words): Case => ({ given: keys, words: [...words, "-w", format] })),
  ),
  // Writes, each in each form.
  ...readable.flatMap((format): Case[] => [
    { words: ["put", "k", "v", "-w", format] },
    { given: [["k", "v"]], words: ["put", "k", "w", "--prev-kv", "-w", format] },
    { given: [["k", "v"]], words: ["put", "k", "--ignore-value", "-w", format] },
    { given: keys, words: ["del", "", "--prefix", "--prev-kv", "-w", format] },
    { words: ["del", "none", "-w", format] },
    { given: keys, words: ["del", "a", "b", "--range", "-w", format] },
    { words: ["lease", "grant", "100", "-w", format] },
    {
      given: keys,
      words: ["txn", "-w", format],
      input:
        'value("a") = "2"\nmod("b") > "0"\n\nget a\nput t "x y"\ndel none\nput t2 z --prev-kv\n\nget b\n\n',
    },
    {
      given: keys,
      words: ["txn", "-w", format],
      input: 'create("a") = "0"\n\nput t x\n\nget "" --prefix --limit=2\n\n',
    },
  ]),
  // Standard input, variables, spellings of flags.
  { words: ["put", "k"], input: "from standard input\n" },
  { given: keys, words: ["get", "-wjson", "a"] },
  { given: keys, words: ["-w=json", "get", "a"] },
  { given: keys, words: ["get", "--hex=true", "a"] },
  { given: keys, words: ["get", "--prefix=false", "a"] },
  { given: [["-k", "-v"]], words: ["get", "--", "-k"] },
  { given: keys, words: ["get", "a"], environment: { ETCDCTL_WRITE_OUT: "json" } },
  { given: keys, words: ["txn", "-i"], input: 'ver("a") = "2"\n\nget a\n\n\n' },
  // What the server refuses.
  { words: ["get", "a", "--rev", "999999"] },
  { words: ["put", "a", "b", "--lease", "1234"] },
  { words: ["put", "none", "--ignore-value"] },
  { words: ["put", "a", "b", "--ignore-lease", "--lease=1"] },
  { words: ["put", "none", "x", "--ignore-lease"] },
  { words: ["compaction", "999999"] },
  { words: ["lease", "revoke", "1234"] },
  { words: ["lease", "timetolive", "1234"] },
  { words: ["lease", "timetolive", "1234", "-w", "json"] },
  { words: ["lease", "keep-alive", "--once", "1234"] },
  { words: ["lease", "keep-alive", "1234"] },
  { words: ["member", "remove", "1234"] },
  { words: ["member", "promote", "1234"] },
  { words: ["member", "update", "1234", "--peer-urls=http://127.0.0.1:4"] },
  { words: ["move-leader", "1234"] },
  { words: ["user", "get", "none"] },
  { words: ["user", "delete", "none"] },
  { words: ["user", "grant-role", "none", "none"] },
  { words: ["role", "get", "none"] },
  { words: ["role", "delete", "none"] },
  { words: ["role", "grant-permission", "none", "read", "x"] },
  { words: ["downgrade", "validate", "x"] },
  { words: ["downgrade", "enable", "3.2"] },
  { words: ["get", "", "--prefix", "--order", "DESCEND", "--stream"] },
  // What the command line refuses. Where the sentence quotes Go's own errors, only the code is equal.
  { words: ["get"] },
  { words: ["get", "a", "b", "--prefix"] },
  { words: ["get", "a", "--prefix", "--from-key"] },
  { words: ["get", "a", "--keys-only", "--count-only"] },
  { words: ["get", "a", "--order", "BAD"] },
  { words: ["get", "a", "--sort-by", "BAD"] },
  { words: ["get", "a", "--consistency", "x"] },
  { words: ["get", "a", "-w", "bogus"] },
  { words: ["put"] },
  { words: ["put", "k"] },
  { words: ["put", "a", "b", "--ignore-value"] },
  { words: ["put", "a", "b", "--lease", "zz"], codesOnly: true },
  { words: ["del"] },
  { words: ["del", "a", "b", "c"] },
  { words: ["del", "a", "--prefix", "--from-key"] },
  { words: ["compaction"] },
  { words: ["compaction", "x"], codesOnly: true },
  { words: ["lease", "grant"] },
  { words: ["lease", "grant", "x"], codesOnly: true },
  { words: ["lease", "revoke"] },
  { words: ["lease", "revoke", "zz"], codesOnly: true },
  { words: ["lease", "timetolive"] },
  { words: ["lease", "keep-alive"] },
  { words: ["member", "add"] },
  { words: ["member", "add", "x"] },
  { words: ["member", "add", "x", "--peer-urls=bad"] },
  { words: ["member", "remove"] },
  { words: ["member", "remove", "zz"], codesOnly: true },
  { words: ["member", "update", "1234"] },
  { words: ["member", "promote"] },
  { words: ["alarm", "list", "x"] },
  { words: ["alarm", "disarm", "x"] },
  { words: ["move-leader"] },
  { words: ["move-leader", "zz"], codesOnly: true },
  { words: ["snapshot", "save"] },
  { words: ["snapshot", "save", "/nonexistent/x"], codesOnly: true },
  { words: ["user", "add"] },
  { words: ["user", "get"] },
  { words: ["user", "delete"] },
  { words: ["user", "list", "x"] },
  { words: ["user", "passwd"] },
  { words: ["user", "grant-role", "a"] },
  { words: ["role", "add"] },
  { words: ["role", "get"] },
  { words: ["role", "list", "x"] },
  { words: ["role", "delete"] },
  { words: ["role", "grant-permission", "a", "b"] },
  { words: ["role", "grant-permission", "a", "blah", "x"] },
  { words: ["role", "revoke-permission", "a"] },
  { words: ["auth", "status", "x"] },
  { words: ["lock"] },
  { words: ["elect"] },
  { words: ["elect", "-l"] },
  { words: ["elect", "-l", "x", "y"] },
  { words: ["check", "perf", "--load", "q"] },
  { words: ["watch"] },
  { words: ["watch", "a"], environment: { ETCDCTL_WATCH_KEY: "b" } },
  { words: ["txn", "x"] },
  { words: ["txn"] },
  { words: ["txn"], input: "x\n\n" },
  { words: ["txn"], input: 'valu("a") = "1"\n\n\n\n' },
  { words: ["txn"], input: 'mod("a") = "x"\n\n\n\n' },
  { words: ["txn"], input: "\nfoo x\n\n\n" },
  { words: ["downgrade", "validate"] },
  { words: ["gett", "a"], codesOnly: true },
  { words: ["get", "a", "--prefxi"], codesOnly: true },
  { words: ["get", "a", "--limit", "x"], codesOnly: true },
  { words: ["get", "a", "--dial-timeout=x"], codesOnly: true },
  { words: ["get", "a", "--cert=/none"], codesOnly: true },
  { words: ["get", "a", "--cacert=/none"], codesOnly: true },
  {
    words: ["get", "a", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  {
    words: ["endpoint", "health", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  {
    words: ["endpoint", "status", "--endpoints=127.0.0.1:1", "--command-timeout=1s"],
  },
  // Locks, with a command and its exit code.
  { words: ["lock", "l", "echo", "held"] },
  { words: ["lock", "l", "false"] },
  { words: ["lock", "l", "--", "sh", "-c", 'test -n "$ETCD_LOCK_KEY" && test "$ETCD_LOCK_REV" -gt 1'] },
];
