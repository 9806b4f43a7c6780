/** Finalized features (KIP-584). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const UpdateFeaturesRequest = message("UpdateFeaturesRequest", "0-2", "0+", {
  timeoutMs: int32({ default: 60000 }),
  featureUpdates: array({
    feature: string(),
    maxVersionLevel: int16(),
    allowDowngrade: bool({ versions: "0" }),
    upgradeType: int8({ versions: "1+", default: 1 }),
  }),
  validateOnly: bool({ versions: "1+", default: false }),
});

export const UpdateFeaturesResponse = message("UpdateFeaturesResponse", "0-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  results: array(
    {
      feature: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
    },
    { versions: "0-1", ignorable: true },
  ),
});

/** UpdateFeatures (key 57): raises or lowers finalized feature levels. v1 upgrade types and validateOnly, v2 one error for all. */
export const UpdateFeatures = defineApi({
  key: 57,
  request: UpdateFeaturesRequest,
  response: UpdateFeaturesResponse,
  listeners: ["broker", "controller"],
});
