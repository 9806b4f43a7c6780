/**
 * What a regular expression is made of, as far as it matters whether a whole name matches: groups capture nothing, and it makes no
 * difference how greedy a repetition is.
 */
import type { CharSet } from "./char-set.ts";

export type Regex =
  | { readonly kind: "chars"; readonly set: CharSet }
  | { readonly kind: "assertion"; readonly holds: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Regex[] }
  | { readonly kind: "choice"; readonly parts: readonly Regex[] }
  /** `max` is Infinity where there is no limit. */
  | { readonly kind: "repetition"; readonly of: Regex; readonly min: number; readonly max: number };

export type Assertion = "begin" | "end" | "wordBoundary" | "noWordBoundary";

export const EMPTY: Regex = { kind: "sequence", parts: [] };

/** Why an expression is none. */
export class RegexSyntaxError extends Error {
  override readonly name = "RegexSyntaxError";
}
