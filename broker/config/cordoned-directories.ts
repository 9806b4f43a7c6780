/**
 * Log directories in which nothing new is to be put (KIP-1066).
 */
import type { BrokerConfig } from "./broker-configs.ts";

const EVERY_DIRECTORY = "*";

export function isCordoned({ cordonedLogDirs }: Pick<BrokerConfig, "cordonedLogDirs">, path: string): boolean {
  return cordonedLogDirs?.some((one) => one === path || one === EVERY_DIRECTORY) ?? false;
}
