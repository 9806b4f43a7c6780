/**
 * APIs that the controller answers: a broker passes them on, on behalf of whoever asked (KIP-590).
 */
import type { Api } from "../../protocol/schema/api.ts";
import type { Message } from "../../protocol/schema/message.ts";
import { laterFrom } from "../dispatch/answer.ts";
import type { Handler } from "../dispatch/handler.ts";

/** A handler that forwards. @param api also what the controller is asked with: same version, same body. */
export function forwarding<Req extends Message, Res extends Message>(api: Api<Req, Res>): Handler<Api<Req, Res>> {
  return (request, { broker, apiVersion, clientId, connection }) =>
    laterFrom(
      broker.controller.forward(api, apiVersion, request, {
        principalType: connection.principal.type,
        principalName: connection.principal.name,
        clientId,
        clientHost: connection.remoteHost,
      }),
    );
}
