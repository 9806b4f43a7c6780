/**
 * Where a broker's requests to the active controller go: in a combined node to the controller beside it, elsewhere over the
 * network to whoever leads the quorum.
 */
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";

export interface ControllerChannel {
  /**
   * Sends one request to the active controller and brings its answer. Looks for another controller and tries again when the one
   * asked is gone or is not active, until `timeoutMs` (default: controller.socket.timeout.ms) have passed.
   * @throws KafkaError REQUEST_TIMED_OUT.
   */
  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Decode<Res>>;
  close(): void;
}
