/**
 * What is set for one group (the configs of resource type GROUP), where the broker has its own value and bounds.
 */
import { parseConfig } from "../config/config-key.ts";
import { ConfigError } from "../config/config-value.ts";
import { GROUP_CONFIG_KEYS, type GroupConfigName } from "../config/group-configs.ts";
import { type MetadataImage, ResourceType } from "../metadata/metadata-image.ts";

/** Inclusive limits of what may be set for one group. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Reads a number; a value outside the bounds counts as the nearest within. @param own the broker's, where the group has none. */
export type GroupConfigReader = (name: GroupConfigName, own: number, bounds: Bounds) => number;

export function groupConfigReader(groupId: string, image: MetadataImage): GroupConfigReader {
  const texts = image.configsOf(ResourceType.GROUP, groupId);
  if (texts.size === 0) return (_, own) => own;
  return (name, own, bounds) => {
    const set = parsed(name, texts.get(name));
    return set === undefined ? own : Math.min(Math.max(set, bounds.min), bounds.max);
  };
}

/** The controller lets only valid values in; one that another release wrote is passed over. */
function parsed(name: GroupConfigName, text: string | undefined): number | undefined {
  const key = GROUP_CONFIG_KEYS.get(name);
  if (text === undefined || key === undefined) return undefined;
  try {
    return parseConfig(name, key, text) as number;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
