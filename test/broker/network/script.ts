/**
 * Requests and handlers for tests of order and endings: the handlers tell when they were called, and park what the test completes.
 */
import { Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { type ServedApi, serve } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Heartbeat } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { request } from "./wire-client.ts";

export type ProduceResponse = Encode<(typeof Produce)["response"]>;
export type FetchResponse = Encode<(typeof Fetch)["response"]>;

export const produceRequest = (id: number, acks = -1): Buffer =>
  request(Produce, 7, { acks, timeoutMs: 1000, topicData: [] }, id);
export const heartbeat = (id: number): Buffer =>
  request(Heartbeat, 0, { groupId: "g", generationId: 1, memberId: "m" }, id);
export const fetchRequest = (id: number): Buffer => {
  const body = { replicaId: -1, maxWaitMs: 500, minBytes: 1, topics: [], forgottenTopicsData: [] };
  return request(Fetch, 11, body, id);
};

/** Handlers that tell when they were called, and park what the test completes. */
export class Script {
  readonly handled: string[] = [];
  readonly produces: Later<ProduceResponse>[] = [];
  readonly fetches: Later<FetchResponse>[] = [];
  readonly cancelled: string[] = [];
  holdProduces = false;
  private waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly handlers: readonly ServedApi<RequestInfo>[] = [
    serve(Produce, (_, { correlationId }: RequestInfo) => {
      const later = new Later<ProduceResponse>({ holdsConnection: this.holdProduces });
      later.whenCancelled(() => this.cancelled.push(`produce ${correlationId}`));
      this.produces.push(later);
      this.told(`produce ${correlationId}`);
      return later;
    }),
    serve(Fetch, (_, { correlationId }: RequestInfo) => {
      const later = new Later<FetchResponse>();
      later.whenCancelled(() => this.cancelled.push(`fetch ${correlationId}`));
      this.fetches.push(later);
      this.told(`fetch ${correlationId}`);
      return later;
    }),
    serve(Heartbeat, (_, { correlationId }: RequestInfo) => {
      this.told(`heartbeat ${correlationId}`);
      return { errorCode: ErrorCode.NONE };
    }),
  ];

  private told(what: string): void {
    this.handled.push(what);
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.handled.length >= count) resolve();
      return this.handled.length < count;
    });
  }

  untilHandled(count: number): Promise<void> {
    if (this.handled.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}
