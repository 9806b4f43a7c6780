/**
 * Sites in the code where a simulation may make something rare happen: a short read, an early roll, a late answer.
 * Everything it makes happen must be legal; outside simulation it never does.
 */
export interface Buggify {
  /** Whether to do the rare thing at this site, this time. */
  rarely(site: string): boolean;
}

export const neverBuggify: Buggify = { rarely: () => false };
