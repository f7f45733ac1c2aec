/** The work of one command: what it has at hand, made when it asks for it, and given back when it ends. */
import { ClientFailure } from "../../client/client-failure.ts";
import type { ClusterClient } from "../../client/cluster-client.ts";
import type { CtlCommand, CtlContext } from "./command-tree.ts";
import { connect, endpointOf } from "./connect.ts";
import { CtlError, ctlExit } from "./ctl-error.ts";
import type { FlagValues, ParsedLine } from "./flags.ts";
import { Output, readFormat } from "./output.ts";

/** Runs a command to its end. @throws {@link CtlError} for what its user is to be told. */
export async function runSession(
  command: CtlCommand,
  line: ParsedLine,
  flags: FlagValues,
  about: Pick<CtlContext, "commands" | "environment" | "program">,
): Promise<number> {
  let client: Promise<ClusterClient> | null = null;
  const context: CtlContext = {
    ...about,
    args: line.words,
    argCountBeforeDash: line.wordCountBeforeDash,
    flags,
    output: new Output(readFormat(flags.text("write-out")), flags.bool("hex")),
    client() {
      client ??= connect(flags);
      return client;
    },
    endpoint: (text) => endpointOf(flags, text),
  };
  try {
    return await command.run(context);
  } catch (error) {
    throw error instanceof ClientFailure ? told(error) : error;
  } finally {
    // A client that could not be made was told of already.
    await (client as Promise<ClusterClient> | null)?.then(
      (made) => made.close(),
      () => undefined,
    );
  }
}

function told(failure: ClientFailure): CtlError {
  const warnings = failure.unreachable.map((reason) => `endpoint ${reason}`);
  if (failure.outcomeUnknown) {
    warnings.push("the outcome is unknown: the request may have had its effect, or may still have it");
  }
  return new CtlError(failure.message, ctlExit.error, false, { cause: failure, warnings });
}
