/** `completion`: scripts for four shells, made of the definitions of the commands and of the server's flag table. */

import { Command } from "commander";
import { flagTable, settings } from "../../../config/flag-table.ts";
import { commands } from "../../commands/index.ts";
import type { CtlCommand, CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import { globalFlags } from "../global-flags.ts";

/** One place of the command line: the words before it, and what may follow. */
interface Place {
  readonly path: string;
  readonly words: readonly string[];
  readonly flags: readonly string[];
}

const formats = ["simple", "json", "table", "fields", "protobuf"] as const;
const fileFlags = [
  "--cacert",
  "--cert",
  "--key",
  "--data-dir",
  "--config-file",
  "--encryption-key-file",
] as const;

/** Prints the script of one shell. */
export function completion({ args, commands: clientCommands, program }: CtlContext): Promise<number> {
  const [shell] = args;
  const scripts: Readonly<Record<string, (name: string, places: readonly Place[]) => string>> = {
    bash,
    zsh,
    fish,
    powershell,
  };
  const script = scripts[shell ?? ""];
  if (script === undefined || args.length !== 1) {
    throw badArguments("completion takes one of bash, zsh, fish, powershell");
  }
  process.stdout.write(script(program, placesOf(program, clientCommands)));
  return Promise.resolve(ctlExit.ok);
}

/** Every place, the root first. As etcdctl there are only client commands. */
function placesOf(program: string, clientCommands: readonly CtlCommand[]): Place[] {
  const places = new Map<string, { words: Set<string>; flags: Set<string> }>();
  const at = (path: string): { words: Set<string>; flags: Set<string> } => {
    const place = places.get(path) ?? { words: new Set(), flags: new Set() };
    places.set(path, place);
    return place;
  };
  const anywhere = globalFlags.map(({ name }) => `--${name}`);
  for (const flag of anywhere) {
    at("").flags.add(flag);
  }
  for (const { choices, flags = [], words } of clientCommands) {
    words.forEach((word, depth) => {
      at(words.slice(0, depth).join(" ")).words.add(word);
    });
    const place = at(words.join(" "));
    for (const flag of [...flags.map(({ name }) => `--${name}`), ...anywhere]) {
      place.flags.add(flag);
    }
    for (const word of choices?.[""] ?? []) {
      place.words.add(word);
    }
  }
  if (program !== "etcdctl") {
    addServerCommands(at);
  }
  return Array.from(places, ([path, { flags, words }]) => ({ path, words: [...words], flags: [...flags] }));
}

function addServerCommands(at: (path: string) => { words: Set<string>; flags: Set<string> }): void {
  const root = new Command().enablePositionalOptions();
  for (const command of commands) {
    command.register(root, () => Promise.resolve());
  }
  const visit = (command: Command, path: string): void => {
    for (const child of command.commands) {
      const below = path === "" ? child.name() : `${path} ${child.name()}`;
      at(path).words.add(child.name());
      for (const { long } of child.options) {
        at(below).flags.add(long ?? "");
      }
      visit(child, below);
    }
  };
  visit(root, "");
  for (const setting of settings) {
    at("serve").flags.add(`--${flagTable[setting].name}`);
  }
}

function functionName(program: string): string {
  return `_${program.replaceAll(/\W/g, "_")}_complete`;
}

function bash(program: string, places: readonly Place[]): string {
  const cases = places.map(
    ({ flags, path, words }) => `    "${path}") words="${words.join(" ")}"; flags="${flags.join(" ")}" ;;`,
  );
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  return `# bash completion of ${program}. Load it with: source <(${program} completion bash)
${functionName(program)}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" flags="" word i
  # The words of the command so far; flags stand between them.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      -*) continue ;;
    esac
    case "\${path:+$path }$word" in
      ${paths.join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$previous" in
    -w|--write-out) COMPREPLY=($(compgen -W "${formats.join(" ")}" -- "$current")); return ;;
    ${fileFlags.join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path" in
${cases.join("\n")}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
complete -o default -F ${functionName(program)} ${program}
`;
}

function zsh(program: string, places: readonly Place[]): string {
  const cases = places.map(
    ({ flags, path, words }) =>
      `    ("${path}") candidates=(${words.join(" ")}); options=(${flags.join(" ")}) ;;`,
  );
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  return `#compdef ${program}
# zsh completion of ${program}. Install it with: ${program} completion zsh > "\${fpath[1]}/_${program}"
${functionName(program)}() {
  local -a candidates options
  local command_path="" word
  case "$words[CURRENT-1]" in
    (-w|--write-out) compadd -- ${formats.join(" ")}; return ;;
    (${fileFlags.join("|")}) _files; return ;;
  esac
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in
      (-*) continue ;;
    esac
    case "\${command_path:+$command_path }$word" in
      (${paths.join("|")}) command_path="\${command_path:+$command_path }$word" ;;
    esac
  done
  case "$command_path" in
${cases.join("\n")}
  esac
  if [[ "$words[CURRENT]" == -* ]]; then
    compadd -- $options
  elif (( \${#candidates} )); then
    compadd -- $candidates
  else
    _files
  fi
}
if [[ "$funcstack[1]" = "_${program}" ]]; then
  ${functionName(program)} "$@"
else
  compdef ${functionName(program)} ${program}
fi
`;
}

function fish(program: string, places: readonly Place[]): string {
  // What stands at the root is offered everywhere.
  const anywhere = new Set(places.find(({ path }) => path === "")?.flags);
  const lines = places.flatMap(({ flags, path, words }) => {
    const seen = path === "" ? [] : path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = words.length === 0 ? [] : [`not __fish_seen_subcommand_from ${words.join(" ")}`];
    const when = [...seen, ...none].join("; and ");
    const within = seen.length === 0 ? "" : ` -n "${seen.join("; and ")}"`;
    return [
      ...(words.length === 0 ? [] : [`complete -c ${program} -f -n "${when}" -a "${words.join(" ")}"`]),
      ...flags
        .filter((flag) => path === "" || !anywhere.has(flag))
        .map((flag) => `complete -c ${program}${within} ${fishFlag(flag)}`),
    ];
  });
  return `# fish completion of ${program}. Load it with: ${program} completion fish | source\n${lines.join("\n")}\n`;
}

/** A flag, and what may follow it. */
function fishFlag(flag: string): string {
  const name = `-l ${flag.slice(2)}`;
  if (flag === "--write-out") {
    return `-s w ${name} -x -a "${formats.join(" ")}"`;
  }
  return fileFlags.some((one) => one === flag) ? `${name} -r -F` : name;
}

function powershell(program: string, places: readonly Place[]): string {
  const list = (items: readonly string[]): string => `@(${items.map((item) => `'${item}'`).join(", ")})`;
  const rows = places.map(
    ({ flags, path, words }) => `    '${path}' = @{ words = ${list(words)}; flags = ${list(flags)} }`,
  );
  return `# PowerShell completion of ${program}. Load it with: ${program} completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName '${program}' -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $places = @{
${rows.join("\n")}
  }
  $path = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $word = $element.ToString()
    if ($element.Extent.EndOffset -ge $cursorPosition -or $word.StartsWith('-')) { continue }
    $next = if ($path) { "$path $word" } else { $word }
    if ($places.ContainsKey($next)) { $path = $next }
  }
  $place = $places[$path]
  $found = if ($wordToComplete.StartsWith('-')) { $place.flags } else { $place.words }
  $found | Where-Object { $_.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
