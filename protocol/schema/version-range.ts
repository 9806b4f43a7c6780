/**
 * Version ranges in Kafka's spelling: "none", "3", "3-13", "9+".
 *
 * Invariant: `max` is inclusive; "N+" has `max` Infinity; "none" contains no version.
 */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export const NO_VERSIONS: VersionRange = { min: 0, max: -1 };

/** Parses Kafka's spelling. @throws Error on any other text: a schema is wrong, not a message. */
export function parseVersionRange(text: string): VersionRange {
  if (text === "none") return NO_VERSIONS;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`not a version range: "${text}"`);
  const min = Number(match[1]);
  if (match[2] !== undefined) return { min, max: Number.POSITIVE_INFINITY };
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

export function containsVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}
