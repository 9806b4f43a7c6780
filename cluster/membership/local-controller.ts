/**
 * The controller of a combined node, asked directly by the broker beside it: no bytes, no sockets, the same answers.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Api } from "../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Controller } from "../controller/controller.ts";
import type { ControllerCall, ControllerChannel } from "./controller-channel.ts";

/** Between two looks at a controller that has stepped down and comes back from its log. */
const RETRY_MS = 50;

export class LocalController implements ControllerChannel {
  private readonly controller: Controller;
  private readonly clock: Clock;
  private readonly defaultTimeoutMs: number;
  private closed = false;

  constructor(controller: Controller, clock: Clock, defaultTimeoutMs: number) {
    this.controller = controller;
    this.clock = clock;
    this.defaultTimeoutMs = defaultTimeoutMs;
  }

  async send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    call: ControllerCall = {},
  ): Promise<Decode<Res>> {
    const deadlineMs = this.clock.monotonicMs() + (call.timeoutMs ?? this.defaultTimeoutMs);
    while (!this.controller.isActive) {
      if (this.closed || this.clock.monotonicMs() >= deadlineMs) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
      await new Promise<void>((resolve) => this.clock.after(RETRY_MS, resolve));
    }
    // Through the codec, so that what is asked and answered is what would travel: defaults filled in, versions obeyed.
    const asked = decode(api.request, version, encodeToBuffer(api.request, version, request));
    const context = { listenerName: "", forwarded: call.onBehalfOf !== undefined };
    return new Promise((resolve, reject) => {
      this.controller.handle(api, version, asked, context).onComplete((answer) => {
        if (typeof answer === "symbol") reject(new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR));
        else resolve(decode(api.response, version, encodeToBuffer(api.response, version, answer)));
      }, reject);
    });
  }

  close(): void {
    this.closed = true;
  }
}
