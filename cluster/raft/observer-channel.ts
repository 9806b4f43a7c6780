/**
 * What an observer of the metadata quorum asks of the network: answers from the leader, or from any controller while it looks for
 * the leader. Filled by whoever composes the node.
 */
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";

export interface ObserverChannel {
  /**
   * Sends one request, on a connection of its own, and brings the answer. `leaderId` undefined: to any controller, another one each
   * time. `records` in an answer are good until the microtasks of the turn are done in which it came.
   * Rejects when the connection breaks or the answer does not come within controller.quorum.request.timeout.ms.
   */
  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    leaderId: number | undefined,
  ): Promise<Decode<Res>>;
  /** A controller named the leader and how to reach it; without an address what is configured holds. */
  leaderIs(leaderId: number, address: { readonly host: string; readonly port: number } | undefined): void;
}
