/**
 * The client-metrics configs of the cluster, and what they together ask of one client.
 *
 * Owns: which subscriptions match a client, and the id that tells a client that what is asked of it has changed. Looks at the metadata
 * again only where there is newer. A config that does not parse asks for nothing; the others hold.
 */
import { crc32c } from "../../protocol/records/crc32c.ts";
import type { Logger } from "../../storage/logger.ts";
import {
  CLIENT_METRICS_CONFIGS,
  type ClientAttributes,
  type ClientPattern,
  parseMatch,
} from "../config/client-metrics-configs.ts";
import type { ConfigKey } from "../config/config-key.ts";
import { ConfigError, type ConfigValue, parseValue } from "../config/config-value.ts";
import { type MetadataImage, ResourceType } from "../metadata/metadata-image.ts";

/** Stands for every metric. */
const ALL = "*";

interface Subscription {
  readonly metrics: readonly string[];
  readonly intervalMs: number;
  readonly patterns: ReadonlyMap<string, ClientPattern>;
}

/** What is asked of a client. */
export interface Asked {
  readonly subscriptionId: number;
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
}

export class TelemetrySubscriptions {
  /** Moves on whenever the subscriptions are others. */
  version = 0;
  private readonly image: () => MetadataImage;
  private seen: MetadataImage | undefined;
  private told = "";
  private subscriptions: readonly Subscription[] = [];

  private readonly log: Pick<Logger, "warn">;

  constructor(image: () => MetadataImage, log: Pick<Logger, "warn">) {
    this.image = image;
    this.log = log;
  }

  /** Takes in what has changed of the metadata. */
  refresh(): void {
    const image = this.image();
    if (image === this.seen) return;
    this.seen = image;
    const configs = image
      .resourcesWithConfigs(ResourceType.CLIENT_METRICS)
      .map((name) => [name, [...image.configsOf(ResourceType.CLIENT_METRICS, name)]] as const)
      .filter(([, values]) => values.length > 0);
    const told = JSON.stringify(configs);
    if (told === this.told) return;
    this.told = told;
    this.version++;
    this.subscriptions = configs.flatMap(([name, values]) => this.parsed(name, new Map(values)));
  }

  private parsed(name: string, values: ReadonlyMap<string, string>): Subscription[] {
    try {
      return [subscriptionOf(values)];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.log.warn({ subscription: name, reason: error.message }, "a subscription to client metrics is not used");
      return [];
    }
  }

  askedOf(clientInstanceId: string, client: ClientAttributes): Asked {
    const metrics = new Set<string>();
    let pushIntervalMs: number = CLIENT_METRICS_CONFIGS["interval.ms"].defaultValue;
    for (const subscription of this.subscriptions) {
      if (!matches(client, subscription.patterns)) continue;
      for (const metric of subscription.metrics) metrics.add(metric);
      pushIntervalMs = Math.min(pushIntervalMs, subscription.intervalMs);
    }
    const names = metrics.has(ALL) ? [ALL] : [...metrics].sort();
    return { subscriptionId: idOf(names, pushIntervalMs, clientInstanceId), metrics: names, pushIntervalMs };
  }
}

function subscriptionOf(values: ReadonlyMap<string, string>): Subscription {
  const configured = <T extends ConfigValue>(name: string, { type, defaultValue }: ConfigKey<T>): T => {
    const text = values.get(name);
    return text === undefined ? defaultValue : (parseValue(name, type, text) as T);
  };
  const { metrics, match } = CLIENT_METRICS_CONFIGS;
  return {
    metrics: configured<readonly string[]>("metrics", metrics),
    intervalMs: configured<number>("interval.ms", CLIENT_METRICS_CONFIGS["interval.ms"]),
    patterns: parseMatch(configured<readonly string[]>("match", match)),
  };
}

/** A client matches when all patterns do; without patterns every client does. */
function matches(client: ClientAttributes, patterns: ReadonlyMap<string, ClientPattern>): boolean {
  for (const [selector, pattern] of patterns) if (!pattern.matches(client[selector] ?? "")) return false;
  return true;
}

/** As Kafka makes it: what is asked, and whom. */
function idOf(metrics: readonly string[], pushIntervalMs: number, clientInstanceId: string): number {
  const bytes = Buffer.from(`[${metrics.join(", ")}]${pushIntervalMs}`);
  const id = Buffer.from(clientInstanceId, "base64url");
  const hash = id.readInt32BE(0) ^ id.readInt32BE(4) ^ id.readInt32BE(8) ^ id.readInt32BE(12);
  return (crc32c(bytes) ^ hash) | 0;
}
