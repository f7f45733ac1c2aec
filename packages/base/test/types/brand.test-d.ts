/** What branded numbers must not allow. `tsc -p tsconfig.test.json` is the test: an unused expectation is an error. */
import type { Brand } from "@quorate/base";

type Metres = Brand<number, "Metres">;
type Seconds = Brand<number, "Seconds">;

const metres = 3 as Metres;
const plain: number = metres;
metres satisfies number;
plain satisfies number;

// @ts-expect-error a plain number is no Metres
const fromPlain: Metres = 3;
// @ts-expect-error Metres are no Seconds
const fromMetres: Seconds = metres;
// @ts-expect-error arithmetic gives a plain number
const sum: Metres = metres + metres;

void [fromPlain, fromMetres, sum];
