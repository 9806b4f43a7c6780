/** A promise that was broken: what ends a run. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** The invariant's number, as V3. */
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}
