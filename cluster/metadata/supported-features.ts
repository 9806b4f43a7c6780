/**
 * The features a broker of this release supports, as it registers and as ApiVersions tells them.
 */
import type { NodeFeatures } from "../../broker/features.ts";
import { FEATURES } from "./features.ts";

export function brokerFeatures(): NodeFeatures["supported"] {
  return FEATURES.filter(({ max }) => max > 0).map(({ name, min, max }) => ({
    name,
    minVersion: min,
    maxVersion: max,
  }));
}
