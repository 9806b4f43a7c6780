/**
 * Nodes that their slow disks hold up: nothing else of a node runs while its one event loop waits for the device.
 */
import type { LinkEnd, Links } from "./links.ts";

/** What stands still and goes on. */
interface Held {
  readonly hasLife: boolean;
  pause(reason: string): unknown;
  resume(reason: string): unknown;
}

const REASON = "slow disk";

export class HoldUps {
  private readonly links: Links;
  /** Until when; operations of one turn add up. */
  private readonly untilMs = new Map<LinkEnd, number>();

  constructor(links: Links) {
    this.links = links;
  }

  holdUp(end: LinkEnd, node: Held | undefined, delayMs: number): void {
    if (node?.hasLife !== true) return;
    const nowMs = this.links.nowMs();
    const untilMs = this.untilMs.get(end) ?? 0;
    this.untilMs.set(end, Math.max(nowMs, untilMs) + delayMs);
    void node.pause(REASON);
    const goOn = (): void => {
      const leftMs = (this.untilMs.get(end) ?? 0) - this.links.nowMs();
      if (leftMs > 0) this.links.after(leftMs, goOn);
      else void node.resume(REASON);
    };
    if (untilMs <= nowMs) this.links.after(delayMs, goOn);
  }
}
