/** Randomness of the operating system: fit for nonces, salts and ids. */
import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "./random.ts";

export class NodeRandom implements Random {
  below(limit: number): number {
    // randomInt takes ranges below 2^48 only.
    return limit === 2 ** 48 ? randomBytes(6).readUIntBE(0, 6) : randomInt(limit);
  }

  bytes(length: number): Buffer {
    return randomBytes(length);
  }
}
