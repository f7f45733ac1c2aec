/** The program: `server`, `get`, `put`, `cas`. README.md shows what to type. */
import { clientAddresses, runProgram, serverArguments, toJson, UsageError } from "../service/arguments.ts";
import { Client } from "../service/client.ts";
import { serve } from "../service/server.ts";
import { type Found, HashMap } from "./hashmap.ts";

const usage =
  "hashmap server ID ID ADDRESS [ID ADDRESS]… | get KEY ADDRESS… | put KEY JSON ADDRESS… | cas KEY EXPECTED NEW ADDRESS…";

async function main([name = "", ...words]: readonly string[]): Promise<number> {
  switch (name) {
    case "server":
      return serve({ name: "hashmap", machine: new HashMap(), ...serverArguments("hashmap", words) });
    case "get": {
      const [key, ...addresses] = take(words, 1, "get needs a key");
      const found = (await new Client(clientAddresses(addresses)).query({ key })) as Found;
      if (found === null) {
        throw new Error(`no key ${key}`);
      }
      return print(found.value);
    }
    case "put": {
      const [key, text = "", ...addresses] = take(words, 2, "put needs a key and a value");
      const command = { type: "put", key, value: toJson(text) };
      const found = (await new Client(clientAddresses(addresses)).command(command)) as Found;
      return print(found?.value ?? null);
    }
    case "cas": {
      const [key, expected = "", text = "", ...addresses] = take(
        words,
        3,
        "cas needs a key, the expected value and the new one",
      );
      const command = { type: "cas", key, expected: toJson(expected), value: toJson(text) };
      return print(await new Client(clientAddresses(addresses)).command(command));
    }
    default:
      throw new UsageError(`"${name}" is no command`);
  }
}

function take(words: readonly string[], count: number, otherwise: string): readonly string[] {
  if (words.length < count) {
    throw new UsageError(otherwise);
  }
  return words;
}

function print(value: unknown): number {
  console.log(JSON.stringify(value));
  return 0;
}

await runProgram("hashmap", usage, () => main(process.argv.slice(2)));
