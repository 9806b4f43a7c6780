/** Negotiation. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ApiVersionsRequest = message("ApiVersionsRequest", "0-4", "3+", {
  clientSoftwareName: string({ versions: "3+", ignorable: true }),
  clientSoftwareVersion: string({ versions: "3+", ignorable: true }),
});

export const ApiVersionsResponse = message("ApiVersionsResponse", "0-4", "3+", {
  errorCode: int16(),
  apiKeys: array({
    apiKey: int16(),
    minVersion: int16(),
    maxVersion: int16(),
  }),
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  supportedFeatures: array(
    {
      name: string(),
      minVersion: int16(),
      maxVersion: int16(),
    },
    { tag: 0, taggedVersions: "3+", ignorable: true },
  ),
  finalizedFeaturesEpoch: int64({ tag: 1, taggedVersions: "3+", default: -1, ignorable: true }),
  finalizedFeatures: array(
    {
      name: string(),
      maxVersionLevel: int16(),
      minVersionLevel: int16(),
    },
    { tag: 2, taggedVersions: "3+", ignorable: true },
  ),
  zkMigrationReady: bool({ tag: 3, taggedVersions: "3+", default: false, ignorable: true }),
});

/** ApiVersions (key 18): the APIs and versions served, and the features of the cluster (KIP-35, KIP-511, KIP-584). v4 lists features whose minimum is 0. */
export const ApiVersions = defineApi({
  key: 18,
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
  listeners: ["broker", "controller"],
});
