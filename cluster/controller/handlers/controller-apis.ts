/**
 * Every API the controller answers, and the one boundary at which an outcome becomes an error response.
 *
 * The listener of a controller and the broker of a combined node both come in here. ApiVersions, Envelope and what concerns
 * connections are the listener's own.
 */
import { type Answer, Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import type { ServedApi } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import type { Controller } from "../controller.ts";
import { refusal } from "../decision.ts";
import { BROKER_APIS } from "./broker-apis.ts";
import { CONFIG_APIS } from "./config-apis.ts";
import type { ControllerApi, ControllerRequest } from "./controller-api.ts";
import { QUORUM_APIS } from "./quorum-apis.ts";
import { REPLICA_APIS } from "./replica-apis.ts";
import { TOPIC_APIS } from "./topic-apis.ts";

export const CONTROLLER_APIS: readonly ControllerApi[] = [
  ...QUORUM_APIS,
  ...BROKER_APIS,
  ...TOPIC_APIS,
  ...REPLICA_APIS,
  ...CONFIG_APIS,
];

const byKey = new Map(CONTROLLER_APIS.map((served) => [served.api.key, served]));

/** A request on a controller's listener. */
export interface ControllerContext extends RequestInfo {
  readonly controller: Controller;
}

/** The lines of a controller listener's handler table. */
export function servedByController(): ServedApi<ControllerContext>[] {
  return CONTROLLER_APIS.map(({ api }) => ({
    api,
    advertised: true,
    handle: (request: never, { controller, apiVersion, connection }: ControllerContext): Answer<unknown> =>
      handleControllerRequest(api, request, {
        controller,
        apiVersion,
        listenerName: connection.listenerName,
        forwarded: false,
      }),
  }));
}

/** Answers a request. What no protocol names fails the Later: a bug, answered UNKNOWN_SERVER_ERROR by whoever asked. */
export function handleControllerRequest<Req extends Message, Res extends Message>(
  api: Api<Req, Res>,
  request: Decode<Req>,
  context: ControllerRequest,
): Later<Encode<Res>> {
  const later = new Later<Encode<Res>>();
  const served = byKey.get(api.key) as ControllerApi<Req, Res> | undefined;
  if (served === undefined) {
    later.fail(new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `the controller does not serve ${api.name}`));
    return later;
  }
  const failed = (error: unknown): void => {
    if (!(error instanceof KafkaError)) later.fail(error);
    else later.complete(served.refuse(request, refusal(error.code, error.message), context));
  };
  try {
    const answer = served.handle(request, context);
    if (answer instanceof Later) {
      later.whenCancelled(() => answer.cancel());
      answer.onComplete((response, whenSent) => later.complete(response, whenSent), failed);
    } else {
      later.complete(answer);
    }
  } catch (error) {
    failed(error);
  }
  return later;
}
