/**
 * The APIs a controller's listener serves: the controller's own, ApiVersions, and Envelope around what brokers pass on.
 */
import { Later } from "../broker/dispatch/answer.ts";
import { HandlerTable, type ServedApi, serve } from "../broker/dispatch/handler-table.ts";
import { answerApiVersions } from "../broker/handlers/api-versions.ts";
import { apiByKey } from "../protocol/apis.ts";
import { DecodeError } from "../protocol/bytes/decode-error.ts";
import { ErrorCode } from "../protocol/error-codes.ts";
import { ApiVersions } from "../protocol/messages/api-versions.ts";
import { Envelope } from "../protocol/messages/envelope.ts";
import type { Decode, Encode } from "../protocol/schema/message.ts";
import { containsVersion } from "../protocol/schema/version-range.ts";
import { CONTROLLER_APIS, type ControllerContext, servedByController } from "./controller/handlers/controller-apis.ts";
import { openRequest, openRequestHeader, sealResponse } from "./membership/envelope.ts";
import { brokerFeatures } from "./metadata/supported-features.ts";

type EnvelopeAnswer = Encode<(typeof Envelope)["response"]>;

const servedKeys = new Set(CONTROLLER_APIS.map(({ api }) => api.key));

/** Opens an envelope and answers as if the client had asked the controller itself. */
function handleEnvelope(
  { requestData }: Decode<(typeof Envelope)["request"]>,
  { controller, connection }: ControllerContext,
): EnvelopeAnswer | Later<EnvelopeAnswer> {
  if (!controller.isActive) return { errorCode: ErrorCode.NOT_CONTROLLER };
  const header = openRequestHeader(requestData);
  const api = header === undefined ? undefined : apiByKey(header.apiKey);
  if (header === undefined || api === undefined || !servedKeys.has(api.key))
    return { errorCode: ErrorCode.INVALID_REQUEST };
  const { apiVersion } = header;
  if (!containsVersion(api.versions, apiVersion)) return { errorCode: ErrorCode.UNSUPPORTED_VERSION };
  let opened: ReturnType<typeof openRequest>;
  try {
    opened = openRequest(api, apiVersion, requestData);
  } catch (error) {
    if (error instanceof DecodeError) return { errorCode: ErrorCode.INVALID_REQUEST };
    throw error;
  }
  const { correlationId } = opened.header;
  const later = new Later<EnvelopeAnswer>();
  const answer = controller.handle(api, apiVersion, opened.request, {
    listenerName: connection.listenerName,
    forwarded: true,
  });
  later.whenCancelled(() => answer.cancel());
  answer.onComplete(
    (response) => {
      if (typeof response === "symbol") later.complete({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR });
      else
        later.complete({
          errorCode: ErrorCode.NONE,
          responseData: sealResponse(api, apiVersion, correlationId, response),
        });
    },
    (error) => later.fail(error),
  );
  return later;
}

export const CONTROLLER_HANDLERS = new HandlerTable<ControllerContext>("controller", [
  ...servedByController(),
  serve(ApiVersions, (request, context: ControllerContext) => {
    const { features, offset } = context.controller.image;
    return answerApiVersions(request, context, {
      supported: brokerFeatures(),
      finalized: [...features].map(([name, level]) => ({ name, level })),
      finalizedEpoch: offset,
    });
  }),
  serve(Envelope, handleEnvelope),
] as readonly ServedApi<ControllerContext>[]);
