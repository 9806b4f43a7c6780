/**
 * ApiVersions (key 18): what this listener serves, and the features of the cluster.
 *
 * Owns: the answer to versions that exist. Leaves to the dispatcher: versions that do not (KIP-511), and the list of APIs.
 * v3 the client's software (KIP-511) and features (KIP-584), v4 features whose minimum is 0 (KAFKA-17011).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { ApiVersions } from "../../protocol/messages/api-versions.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Handler, RequestInfo } from "../dispatch/handler.ts";
import type { NodeFeatures } from "../features.ts";

type ApiVersionsRequest = Decode<(typeof ApiVersions)["request"]>;
type ApiVersionsResponse = Encode<(typeof ApiVersions)["response"]>;

/** Starts and ends with a letter or digit; dots and hyphens between. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

export const handleApiVersions: Handler<typeof ApiVersions> = (request, context) =>
  answerApiVersions(request, context, context.broker.features());

/** The answer of either kind of node. */
export function answerApiVersions(
  request: ApiVersionsRequest,
  context: RequestInfo,
  features: NodeFeatures,
): ApiVersionsResponse {
  const { apiVersion, connection, advertisedApis } = context;
  if (apiVersion < 3) return { errorCode: ErrorCode.NONE, apiKeys: advertisedApis };
  const { clientSoftwareName, clientSoftwareVersion } = request;
  if (!SOFTWARE.test(clientSoftwareName) || !SOFTWARE.test(clientSoftwareVersion)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
  }
  connection.clientSoftwareName = clientSoftwareName;
  connection.clientSoftwareVersion = clientSoftwareVersion;
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: advertisedApis,
    // Clients of v3 and before fail on a minimum of 0.
    supportedFeatures: features.supported.filter(({ minVersion }) => apiVersion >= 4 || minVersion > 0),
    finalizedFeaturesEpoch: features.finalizedEpoch,
    finalizedFeatures: features.finalized
      .filter(({ level }) => level > 0)
      .map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  };
}
