/**
 * Producer ids, given out from blocks that the controller allocates (KIP-730): no id is ever given twice in a cluster.
 */
import type { ControllerPort } from "./ports.ts";

/** The next block is asked for when this share of the current one is used. */
const PREFETCH_AT = 0.9;

interface Block {
  readonly end: number;
  readonly prefetchAt: number;
  next: number;
}

export class ProducerIds {
  private readonly controller: ControllerPort;
  private current: Block | undefined;
  private following: Block | undefined;
  private asking = false;

  constructor(controller: ControllerPort) {
    this.controller = controller;
  }

  /** The next id; undefined while the first block, or the next one, has not come: the client tries again. */
  next(): number | undefined {
    if (this.current !== undefined && this.current.next >= this.current.end) {
      this.current = this.following;
      this.following = undefined;
    }
    const block = this.current;
    if (block === undefined || block.next >= block.prefetchAt) this.prefetch();
    return block === undefined ? undefined : block.next++;
  }

  /** Asks for a block unless one is there or on its way. A failure is not retried here but at the next call. */
  prefetch(): void {
    if (this.asking || this.following !== undefined) return;
    this.asking = true;
    this.controller.allocateProducerIds().then(
      ({ firstProducerId, count }) => {
        this.asking = false;
        const block = {
          next: firstProducerId,
          end: firstProducerId + count,
          prefetchAt: firstProducerId + Math.floor(count * PREFETCH_AT),
        };
        if (this.current === undefined) this.current = block;
        else this.following = block;
      },
      () => {
        this.asking = false;
      },
    );
  }
}
