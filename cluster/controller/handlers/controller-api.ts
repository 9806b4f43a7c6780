/**
 * One API as the controller answers it: its handler, and the response that says no to the request as a whole.
 */
import { type Answer, Later } from "../../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import type { Controller } from "../controller.ts";
import type { ControllerView } from "../controller-view.ts";
import type { Decision, Refusal } from "../decision.ts";

/** What a request comes with, whichever way it came. */
export interface ControllerRequest {
  readonly controller: Controller;
  readonly apiVersion: number;
  /** The controller's listener it came in on; "" when it came from the broker beside it. */
  readonly listenerName: string;
  /** A broker passed it on for a client (Envelope, or the broker of the same node). */
  readonly forwarded: boolean;
}

export interface ControllerApi<Req extends Message = Message, Res extends Message = Message> {
  readonly api: Api<Req, Res>;
  readonly handle: (request: Decode<Req>, context: ControllerRequest) => Answer<Encode<Res>>;
  readonly refuse: (request: Decode<Req>, refusal: Refusal, context: ControllerRequest) => Encode<Res>;
}

/** Keeps the types of request and response together. */
export function controllerApi<Req extends Message, Res extends Message>(
  definition: ControllerApi<Req, Res>,
): ControllerApi {
  return definition as unknown as ControllerApi;
}

/** A decision's response, changed into the API's own, once it is committed. */
export function written<R, A>(
  { controller }: ControllerRequest,
  decide: (view: ControllerView) => Decision<R>,
  respond: (response: R) => A,
): Later<A> {
  const later = new Later<A>();
  controller.write(decide).onComplete(
    // A decision always has a response.
    (response) => later.complete(respond(response as R)),
    (error) => later.fail(error),
  );
  return later;
}

/**
 * Requests that must be done by a time are not begun when it has passed: Kafka says so by REQUEST_TIMED_OUT, and clients probe with 0.
 * @throws KafkaError REQUEST_TIMED_OUT.
 */
export function checkTimeout(timeoutMs: number): void {
  if (timeoutMs <= 0) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
}
