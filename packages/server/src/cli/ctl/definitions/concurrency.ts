/** Commands that hold something: a lock, an office; and those about the program itself. */
import type { CtlCommand } from "../command-tree.ts";

/** lock, elect. */
export const concurrencyCommands: readonly CtlCommand[] = [
  {
    words: ["lock"],
    usage: "<lockname> [exec-command arg1 arg2 ...]",
    summary: "Take a lock by name, and hold it until Ctrl-C, or while a command runs.",
    details:
      "The command finds ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment; its exit code is this one's. ETCD_LOCK_REV is the fencing number: it grows with each holder. Flags of the command stand behind '--'.",
    examples: ["lock backup", "lock backup -- ./backup.sh --full"],
    flags: [
      {
        name: "ttl",
        kind: "int",
        preset: "10",
        help: "Seconds after which the lock is free when its holder is gone.",
      },
    ],
    run: async (context) => (await import("../work/lock.ts")).lock(context),
  },
  {
    words: ["elect"],
    usage: "<election-name> [proposal]",
    summary: "Campaign in an election, and hold the office until Ctrl-C; or watch who holds it.",
    examples: ["elect scheduler host-1", "elect --listen scheduler"],
    flags: [
      { name: "listen", short: "l", kind: "bool", help: "Print who leads, now and whenever that changes." },
    ],
    run: async (context) => (await import("../work/elect.ts")).elect(context),
  },
];

/** version, options, completion, make-mirror. */
export const utilityCommands: readonly CtlCommand[] = [
  {
    words: ["version"],
    usage: "",
    summary: "Print the version of the program and of the API it speaks.",
    run: async (context) => (await import("../work/version.ts")).version(context),
  },
  {
    words: ["options"],
    usage: "",
    summary: "Print the flags that every client command has.",
    run: async () => (await import("../work/version.ts")).options(),
  },
  {
    words: ["completion"],
    usage: "[bash|zsh|fish|powershell]",
    summary: "Print a script that completes command lines in a shell.",
    details:
      "bash: source <(quorate completion bash). fish: quorate completion fish | source. zsh: write the script to a file _quorate in a folder of $fpath. PowerShell: quorate completion powershell | Out-String | Invoke-Expression.",
    examples: ["completion bash"],
    choices: { "": ["bash", "zsh", "fish", "powershell"] },
    run: async (context) => (await import("../work/completion.ts")).completion(context),
  },
  {
    words: ["make-mirror"],
    usage: "[options] <destination>",
    summary: "Copy keys to another cluster, and go on copying what changes.",
    examples: ["make-mirror --prefix app/ 10.0.0.9:2379"],
    flags: [
      { name: "prefix", kind: "string", help: "Which keys." },
      { name: "rev", kind: "int", help: "Go on from this revision instead of copying what is there." },
      { name: "dest-prefix", kind: "string", help: "What the copies begin with instead of --prefix." },
      { name: "no-dest-prefix", kind: "bool", help: "Take --prefix off the copies." },
      { name: "max-txn-ops", kind: "int", preset: "128", help: "Most changes in one transaction." },
      { name: "dest-user", kind: "string", help: "Who writes there: name, or name:password." },
      { name: "dest-password", kind: "string", help: "Password of --dest-user." },
      { name: "dest-cacert", kind: "string", help: "File of the certificates to trust there, as PEM." },
      { name: "dest-cert", kind: "string", help: "File of the client's certificate for there, as PEM." },
      { name: "dest-key", kind: "string", help: "File of that certificate's private key, as PEM." },
      {
        name: "dest-insecure-transport",
        kind: "bool",
        preset: "true",
        help: "Speak without TLS to a destination that names no scheme.",
      },
    ],
    run: async (context) => (await import("../work/make-mirror.ts")).makeMirror(context),
  },
];
