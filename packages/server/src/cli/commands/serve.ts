/** `quorate serve`: one member. Its flags are read by the flag table, not by the command library. */
import type { CliCommand } from "../command.ts";

/** `quorate serve`. */
export const serveCommand: CliCommand = {
  register(program, run) {
    program
      .command("serve")
      .description("Run one member of a cluster, with etcd's flags.")
      .usage("[flags]")
      .argument("[flags...]")
      .allowUnknownOption()
      .helpOption(false)
      .passThroughOptions()
      .action((_flags: unknown, _options: unknown, command: { readonly args: readonly string[] }) =>
        run(async (context) => {
          if (command.args.some((word) => /^--?(h|help)$/.test(word))) {
            const { describeFlags } = await import("../../config/describe.ts");
            process.stdout.write(`${usage}\n\n${describeFlags()}\n`);
            return 0;
          }
          if (command.args.some((word) => /^--?version$/.test(word))) {
            const { versionText } = await import("../version.ts");
            process.stdout.write(`${versionText(true)}\n`);
            return 0;
          }
          const { runServe } = await import("../../process/run-serve.ts");
          return runServe({ argv: command.args, environment: context.environment });
        }),
      );
  },
};

const usage = `Usage: quorate serve [flags]

Run one member of a cluster. Each flag is also an environment variable (QUORATE_NAME or ETCD_NAME for --name) and
a key of the YAML file named by --config-file; flags go before variables, variables before the file.`;
