/** Branded types: numbers that the compiler keeps apart (a term is not a log index) and that cost nothing at run time. */

declare const brand: unique symbol;

/**
 * `T` that only a deliberate cast makes. Casts live beside the type's definition, nowhere else.
 *
 * @example
 * ```ts
 * import type { Brand } from "@quorate/base";
 * type Metres = Brand<number, "Metres">;
 * const height = 3 as Metres;
 * const plain: number = height;
 * ```
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
