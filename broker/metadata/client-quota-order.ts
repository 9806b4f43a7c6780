/**
 * The order in which Kafka tells the parts of a quota's entity and its values: that of its hash maps, which clients compare with.
 */
import type { QuotaEntityPart } from "./metadata-image.ts";

const ENTITY_TYPES = ["client-id", "user", "ip"];
/** Up to three values, and all four that one entity can have. */
const FEW_KEYS = ["consumer_byte_rate", "controller_mutation_rate", "request_percentage", "producer_byte_rate"];
const ALL_KEYS = ["producer_byte_rate", "consumer_byte_rate", "controller_mutation_rate", "request_percentage"];

export function orderedEntity<P extends QuotaEntityPart>(entity: readonly P[]): P[] {
  return [...entity].sort((a, b) => ENTITY_TYPES.indexOf(a.entityType) - ENTITY_TYPES.indexOf(b.entityType));
}

export function orderedValues(values: ReadonlyMap<string, number>): { key: string; value: number }[] {
  const order = values.size === ALL_KEYS.length ? ALL_KEYS : FEW_KEYS;
  return [...values]
    .map(([key, value]) => ({ key, value }))
    .sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
}
