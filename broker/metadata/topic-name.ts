/**
 * What a topic may be called.
 */
const MAX_LENGTH = 249;
const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** Why a name is not legal, in Kafka's words; undefined when it is. */
export function illegalTopicName(name: string): string | undefined {
  if (name.length === 0) return "the empty string is not allowed";
  if (name === "." || name === "..") return `'${name}' is not allowed`;
  if (name.length > MAX_LENGTH) return `the length of '${name}' is longer than the max allowed length ${MAX_LENGTH}`;
  if (!LEGAL.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return undefined;
}

/** Names that differ only in "." and "_" collide, as their metrics would. */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}
