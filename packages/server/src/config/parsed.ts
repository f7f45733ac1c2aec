/** The outcome of reading text: bad text is an answer, not an exception, because all problems are reported at once. */

/** A value, or in words what is wrong with the text (a phrase that follows the flag's name). */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };
