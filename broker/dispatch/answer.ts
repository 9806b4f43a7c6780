/**
 * What a handler gives back: a response, a response to come, or none.
 *
 * A Later is a parked continuation: completed once, from the event loop, without promises and so without turns in between.
 */
import { strict as assert } from "node:assert";

/** The request is not answered (Produce with acks=0). */
export const NO_RESPONSE = Symbol("no response");
/** The connection is closed without an answer. */
export const CLOSE_CONNECTION = Symbol("close connection");

export type Answer<R> = R | Later<R> | typeof NO_RESPONSE | typeof CLOSE_CONNECTION;
export type Settled<R> = R | typeof NO_RESPONSE | typeof CLOSE_CONNECTION;

export class Later<R> {
  private value: Settled<R> | undefined;
  private done = false;
  private listener: ((value: Settled<R>) => void) | undefined;
  private onCancel: (() => void) | undefined;

  get completed(): boolean {
    return this.done;
  }

  complete(value: Settled<R>): void {
    assert(!this.done, "a response is completed twice");
    this.done = true;
    this.value = value;
    this.onCancel = undefined;
    const listener = this.listener;
    this.listener = undefined;
    listener?.(value);
  }

  /** Calls back with the value, at once if it is there. One listener only. */
  onComplete(listener: (value: Settled<R>) => void): void {
    assert(this.listener === undefined, "a response has two listeners");
    if (this.done) listener(this.value as Settled<R>);
    else this.listener = listener;
  }

  /** What to do when nobody waits any more (the connection is gone). */
  whenCancelled(onCancel: () => void): void {
    this.onCancel = onCancel;
  }

  /** The one who waited has gone: frees what was parked for it. */
  cancel(): void {
    if (this.done) return;
    this.done = true;
    this.listener = undefined;
    const onCancel = this.onCancel;
    this.onCancel = undefined;
    onCancel?.();
  }
}
