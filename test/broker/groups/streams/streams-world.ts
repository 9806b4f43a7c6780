/**
 * A world whose streams groups have settings of their own.
 */
import type { StreamsGroupSettings } from "../../../../broker/groups/streams/streams-rules.ts";
import { GroupWorld } from "../group-world.ts";

/** Without the wait for more members, unless more is said. */
export function startStreams(settings: Partial<StreamsGroupSettings> = {}): Promise<GroupWorld> {
  const streams = { ...new GroupWorld().settings.streams, initialRebalanceDelayMs: 0, ...settings };
  return GroupWorld.start({ streams });
}
