/**
 * What a handler gives back: a response, a response to come, or none.
 *
 * A Later is a parked continuation: completed once, from the event loop, without promises and so without turns in between.
 * Whoever waits listens once; when the connection goes first it cancels, and what comes afterwards is dropped.
 */
import { strict as assert } from "node:assert";

/** The request is not answered (Produce with acks=0). */
export const NO_RESPONSE = Symbol("no response");
/** The connection is closed without an answer. */
export const CLOSE_CONNECTION = Symbol("close connection");

export type Answer<R> = R | Later<R> | typeof NO_RESPONSE | typeof CLOSE_CONNECTION;
export type Settled<R> = R | typeof NO_RESPONSE | typeof CLOSE_CONNECTION;

export interface LaterOptions {
  /**
   * What follows on the connection must not be handled before releaseConnection(): for a Produce that waits before it
   * appends, as the order of appends is the order on the wire.
   */
  readonly holdsConnection?: boolean;
}

/** @param whenSent frees what the response refers to: runs once, when its bytes are flushed or will never be. */
type CompletionListener<R> = (value: Settled<R>, whenSent: (() => void) | undefined) => void;

export class Later<R> {
  private state: "parked" | "completed" | "failed" | "cancelled" = "parked";
  private value: Settled<R> | undefined;
  private whenSent: (() => void) | undefined;
  private error: unknown;
  /** Not of R, so that a Later of a narrower response serves as one of a wider. */
  private listener: CompletionListener<unknown> | undefined;
  private failureListener: ((error: unknown) => void) | undefined;
  private onCancel: (() => void) | undefined;
  private holding: boolean;
  private onRelease: (() => void) | undefined;

  constructor(options?: LaterOptions) {
    this.holding = options?.holdsConnection === true;
  }

  get completed(): boolean {
    return this.state !== "parked";
  }

  /** True until what must come first has been done; a Later that is completed holds nothing. */
  get holdsConnection(): boolean {
    return this.holding && this.state === "parked";
  }

  /**
   * Gives the response. `whenSent` frees what the response refers to (a LogRead, ...): it runs once, when the bytes are
   * flushed or when nobody takes them any more.
   */
  complete(value: Settled<R>, whenSent?: () => void): void {
    if (this.state === "cancelled") {
      whenSent?.();
      return;
    }
    assert(this.state === "parked", "a response is completed twice");
    this.state = "completed";
    this.onCancel = undefined;
    if (this.listener === undefined) {
      this.value = value;
      this.whenSent = whenSent;
    } else {
      this.listener(value, whenSent);
    }
  }

  /** No response came about: the request fails as if its handler had thrown. */
  fail(error: unknown): void {
    if (this.state === "cancelled") return;
    assert(this.state === "parked", "a response is completed twice");
    this.state = "failed";
    this.onCancel = undefined;
    this.error = error;
    if (this.listener !== undefined) this.tellFailure();
  }

  /** Calls back with the outcome, at once if it is there. One listener only; one without `onFailed` expects no failure. */
  onComplete(listener: CompletionListener<R>, onFailed?: (error: unknown) => void): void {
    assert(this.listener === undefined, "a response has two listeners");
    this.listener = listener as CompletionListener<unknown>;
    this.failureListener = onFailed;
    if (this.state === "completed") listener(this.value as Settled<R>, this.whenSent);
    else if (this.state === "failed") this.tellFailure();
  }

  private tellFailure(): void {
    if (this.failureListener === undefined) throw this.error;
    this.failureListener(this.error);
  }

  /** What to do when nobody waits any more (the connection is gone). */
  whenCancelled(onCancel: () => void): void {
    this.onCancel = onCancel;
  }

  /** The one who waited has gone: frees what was parked for it. */
  cancel(): void {
    if (this.state !== "parked") return;
    this.state = "cancelled";
    const onCancel = this.onCancel;
    this.onCancel = undefined;
    onCancel?.();
  }

  /** What had to come first has been done: the connection goes on, while the response is still to come. */
  releaseConnection(): void {
    if (!this.holding) return;
    this.holding = false;
    if (this.state === "parked") this.onRelease?.();
  }

  /** Called when the connection may go on before the response is there. */
  whenReleased(onRelease: () => void): void {
    this.onRelease = onRelease;
  }
}

/** A response that is there, with what is to be freed once it is sent. */
export function withRelease<R>(response: R, whenSent: () => void): Later<R> {
  const later = new Later<R>();
  later.complete(response, whenSent);
  return later;
}

/** The outcome of a promise as an answer; a rejection fails the request as if its handler had thrown. */
export function laterFrom<R>(promise: Promise<Settled<R>>): Later<R> {
  const later = new Later<R>();
  promise.then(
    (value) => later.complete(value),
    (error: unknown) => later.fail(error),
  );
  return later;
}
