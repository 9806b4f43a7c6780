/**
 * What waits for the metadata log to be committed: images to be told of, requests to be answered.
 *
 * Owns: their order. An image is told before the answers that depend on it leave, so that whoever is answered finds it.
 */
import { Later } from "../../broker/dispatch/answer.ts";
import type { ClusterDelta } from "../metadata/cluster-image.ts";

export interface Applied {
  readonly delta: ClusterDelta;
  /** Of the batches that made it. */
  readonly sizeBytes: number;
  /** When the last of them was appended. */
  readonly timestamp: number;
}

interface Waiting {
  /** Committed when the high watermark has come here. */
  readonly endOffset: number;
  readonly applied: Applied | undefined;
  readonly answer: (() => void) | undefined;
  readonly fail: ((error: unknown) => void) | undefined;
}

export class CommitQueue {
  private waiting: Waiting[] = [];
  private head = 0;
  private committedEndOffset = 0;

  /** An image that a batch up to `endOffset` made. */
  pushImage(endOffset: number, applied: Applied): void {
    this.waiting.push({ endOffset, applied, answer: undefined, fail: undefined });
  }

  /** The answer once everything below `endOffset` is committed; at once when it is. */
  answerAt<R>(endOffset: number, response: R): Later<R> {
    const later = new Later<R>();
    if (endOffset <= this.committedEndOffset) {
      later.complete(response);
    } else {
      this.waiting.push({
        endOffset,
        applied: undefined,
        answer: () => later.complete(response),
        fail: (error) => later.fail(error),
      });
    }
    return later;
  }

  /** Hands out what is committed now. */
  commit(highWatermark: number, tell: (applied: Applied) => void): void {
    this.committedEndOffset = highWatermark;
    while (this.head < this.waiting.length) {
      const next = this.waiting[this.head] as Waiting;
      if (next.endOffset > highWatermark) break;
      this.head++;
      if (next.applied !== undefined) tell(next.applied);
      next.answer?.();
    }
    if (this.head === this.waiting.length) {
      this.waiting = [];
      this.head = 0;
    }
  }

  /** Nothing more will be committed by this controller. */
  failAll(error: unknown): void {
    const left = this.waiting.slice(this.head);
    this.waiting = [];
    this.head = 0;
    for (const { fail } of left) fail?.(error);
  }
}
