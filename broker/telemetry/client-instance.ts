/**
 * One client as telemetry knows it: what is asked of it, when it asked and pushed, what it was refused last.
 *
 * Owns: whether a request comes before its time. Leaves to ClientTelemetry: what follows from that.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { ClientAttributes } from "../config/client-metrics-configs.ts";
import type { Asked } from "./telemetry-subscriptions.ts";

export class ClientInstance {
  readonly asked: Asked;
  /** Of the subscriptions that `asked` comes from. */
  readonly version: number;
  readonly attributes: ClientAttributes;
  lastError: ErrorCode = ErrorCode.NONE;
  /** It said that nothing more is to come. */
  terminating = false;
  /** Forgotten then, unless it is heard of again. */
  expiresAtMs = 0;
  private gotAtMs = Number.NEGATIVE_INFINITY;
  private pushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(asked: Asked, version: number, attributes: ClientAttributes) {
    this.asked = asked;
    this.version = version;
    this.attributes = attributes;
  }

  /** It asks what to push; false: too early after it asked or pushed. */
  mayAsk(nowMs: number): boolean {
    if (nowMs - Math.max(this.gotAtMs, this.pushedAtMs) < this.asked.pushIntervalMs) return false;
    this.gotAtMs = nowMs;
    return true;
  }

  /** It pushes: at any time after it asked (clients spread their first push), later once in an interval. */
  mayPush(nowMs: number): boolean {
    const isFirst = this.gotAtMs > this.pushedAtMs;
    if (!isFirst && nowMs - this.pushedAtMs < this.asked.pushIntervalMs) return false;
    this.pushedAtMs = nowMs;
    return true;
  }
}
