/** The program: `server`, `get`, `put`, `cas`. README.md shows what to type. */
import { clientAddresses, runProgram, serverArguments, UsageError } from "../service/arguments.ts";
import { Client } from "../service/client.ts";
import { serve } from "../service/server.ts";
import { Register } from "./register.ts";

const usage =
  "register server ID ID ADDRESS [ID ADDRESS]… | get ADDRESS… | put VALUE ADDRESS… | cas EXPECTED NEW ADDRESS…";

async function main([name = "", ...words]: readonly string[]): Promise<number> {
  switch (name) {
    case "server":
      return serve({ name: "register", machine: new Register(), ...serverArguments("register", words) });
    case "get":
      return print(await new Client(clientAddresses(words)).query(null));
    case "put": {
      const [value, ...addresses] = words;
      if (value === undefined) {
        throw new UsageError("put needs a value");
      }
      return print(await new Client(clientAddresses(addresses)).command({ type: "put", value }));
    }
    case "cas": {
      const [expected, value, ...addresses] = words;
      if (expected === undefined || value === undefined) {
        throw new UsageError("cas needs the expected value and the new one");
      }
      return print(await new Client(clientAddresses(addresses)).command({ type: "cas", expected, value }));
    }
    default:
      throw new UsageError(`"${name}" is no command`);
  }
}

/** No value is an empty line. */
function print(value: unknown): number {
  console.log(value ?? "");
  return 0;
}

await runProgram("register", usage, () => main(process.argv.slice(2)));
