/**
 * The names of the directories of logs: `topic-0`, and with a suffix what is on its way out or in.
 *
 * `topic-0.<32 hex digits>-delete` waits for its removal, `...-stray` belongs to no topic of this cluster any more,
 * `...-future` is being filled to replace a log in another directory. A topic's name is cut so that 255 characters suffice.
 */
import type { Random } from "./random.ts";

export type DirectoryState = "current" | "delete" | "stray" | "future";

export interface DirectoryName {
  /** Of a directory that is not current, perhaps cut short. */
  readonly topic: string;
  readonly partition: number;
  readonly state: DirectoryState;
}

const MAX_NAME_LENGTH = 255;
const MAX_PARTITION = 2_147_483_647;
const MAX_TOPIC_LENGTH = 249;

export function partitionDirectoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** @param uniqueId 32 hex digits. */
export function suffixedDirectoryName(
  topic: string,
  partition: number,
  state: "delete" | "stray" | "future",
  uniqueId: string,
): string {
  const suffix = `-${partition}.${uniqueId}-${state}`;
  return topic.slice(0, MAX_NAME_LENGTH - suffix.length) + suffix;
}

/** A path that no directory has: where a log lies that has lost its name, or has none yet. */
export function suffixedDirectoryPath(
  random: Random,
  within: string,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  state: "delete" | "stray" | "future",
): string {
  return `${within}/${suffixedDirectoryName(topic, partition, state, random.bytes(16).toString("hex"))}`;
}

/** What a directory's name means; undefined when it is no log's: such a directory is left alone. */
export function parseDirectoryName(name: string): DirectoryName | undefined {
  const suffixed = /^(.+)\.[^.\s]+-(delete|stray|future)$/.exec(name);
  const base = suffixed === null ? name : (suffixed[1] as string);
  const dash = base.lastIndexOf("-");
  const topic = base.slice(0, dash);
  const digits = base.slice(dash + 1);
  const partition = Number(digits);
  // "x-00" would be a second x-0.
  if (dash <= 0 || !/^(0|[1-9]\d*)$/.test(digits) || partition > MAX_PARTITION) return undefined;
  if (topic.length > MAX_TOPIC_LENGTH || !/^[A-Za-z0-9._-]+$/.test(topic) || topic === "." || topic === "..")
    return undefined;
  return { topic, partition, state: suffixed === null ? "current" : (suffixed[2] as DirectoryState) };
}
