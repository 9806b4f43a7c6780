/**
 * Randomness as an argument: one generator per node, seeded in simulation.
 */
import { uuidFromRandomBytes } from "../protocol/uuid.ts";

export interface Random {
  /** An integer in [0, limit); limit at most 2^48. */
  below(limit: number): number;
  bytes(length: number): Buffer;
}

/** A random uuid in Kafka's text form, never a reserved one and never starting with "-". */
export function randomUuid(random: Random): string {
  for (;;) {
    const uuid = uuidFromRandomBytes(random.bytes(16));
    if (uuid !== undefined) return uuid;
  }
}
