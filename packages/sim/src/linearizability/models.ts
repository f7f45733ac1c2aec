/** The objects that histories of clients are held against. */
import { unreachable } from "@quorate/base";
import type { SequentialModel } from "./model.ts";

/** What a client asks of a register. Null is "never written". */
export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: string }
  | { readonly kind: "cas"; readonly expected: string | null; readonly value: string };

/** What it is told. */
export type RegisterOutput =
  | { readonly kind: "value"; readonly value: string | null }
  | { readonly kind: "written" }
  | { readonly kind: "swapped"; readonly ok: boolean };

/** A register with read, write and compare-and-swap. */
export const registerModel: SequentialModel<string | null, RegisterInput, RegisterOutput> = {
  initial: null,
  step(state, input, output) {
    switch (input.kind) {
      case "read":
        return output === null || (output.kind === "value" && output.value === state) ? state : undefined;
      case "write":
        return output === null || output.kind === "written" ? input.value : undefined;
      case "cas": {
        const ok = state === input.expected;
        const isPossible = output === null || (output.kind === "swapped" && output.ok === ok);
        return isPossible ? (ok ? input.value : state) : undefined;
      }
      default:
        return unreachable(input);
    }
  },
  keyOf: (state) => (state === null ? "-" : `=${state}`),
  isReadOnly: ({ kind }, output) => kind === "read" || (output?.kind === "swapped" && !output.ok),
};

/** What a client asks of a list that only grows: the value that one operation leaves shows all that came before it. */
export type AppendInput = { readonly kind: "read" } | { readonly kind: "append"; readonly value: string };

/** What it is told: the whole list on a read, nothing but success on an append. */
export type AppendOutput = { readonly kind: "list"; readonly value: string } | { readonly kind: "appended" };

/** A string that grows at its end, as in Porcupine's key-value histories. */
export const appendModel: SequentialModel<string, AppendInput, AppendOutput> = {
  initial: "",
  step(state, input, output) {
    switch (input.kind) {
      case "read":
        return output === null || (output.kind === "list" && output.value === state) ? state : undefined;
      case "append":
        return output === null || output.kind === "appended" ? state + input.value : undefined;
      default:
        return unreachable(input);
    }
  },
  keyOf: (state) => state,
  isReadOnly: ({ kind }) => kind === "read",
};
