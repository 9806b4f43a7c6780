/**
 * What lies between any two hosts of a simulated network: how long bytes take, and whether they arrive at all.
 *
 * Directed: what goes from a to b may be cut or slow while the way back is not. A cut is a blackhole: nothing is refused, nothing
 * is reset, what was sent arrives once it heals (as TCP sends again) or never.
 */
import type { SeededRandom } from "../seeded-random.ts";

export interface LinkDelays {
  readonly latencyMs: number;
  /** Drawn anew for each piece, on top of the latency; the order of one stream is kept. */
  readonly jitterMs: number;
}

interface Link {
  delays: LinkDelays;
  cut: boolean;
}

export class Links {
  /** Of every link that is not slowed down. */
  delays: LinkDelays;
  private readonly links = new Map<string, Link>();
  private readonly random: SeededRandom;
  /** Called when a way is open again. */
  onHealed: ((from: string, to: string) => void) | undefined;

  constructor(random: SeededRandom, delays: LinkDelays) {
    this.random = random;
    this.delays = delays;
  }

  isCut(from: string, to: string): boolean {
    return this.links.size > 0 && this.links.get(keyOf(from, to))?.cut === true;
  }

  /** How long the next piece takes from one host to another. */
  delayMs(from: string, to: string): number {
    const { latencyMs, jitterMs } =
      this.links.size === 0 ? this.delays : (this.links.get(keyOf(from, to))?.delays ?? this.delays);
    return jitterMs === 0 ? latencyMs : latencyMs + (jitterMs * this.random.below(1000)) / 1000;
  }

  /** One way only. */
  cut(from: string, to: string): void {
    this.link(from, to).cut = true;
  }

  slow(from: string, to: string, delays: LinkDelays): void {
    this.link(from, to).delays = delays;
  }

  /** The way is as it was at first. */
  heal(from: string, to: string): void {
    if (this.links.delete(keyOf(from, to))) this.onHealed?.(from, to);
  }

  healAll(): void {
    for (const key of [...this.links.keys()]) {
      const [from = "", to = ""] = key.split(">");
      this.heal(from, to);
    }
  }

  private link(from: string, to: string): Link {
    let link = this.links.get(keyOf(from, to));
    if (link === undefined) {
      link = { delays: this.delays, cut: false };
      this.links.set(keyOf(from, to), link);
    }
    return link;
  }
}

function keyOf(from: string, to: string): string {
  return `${from}>${to}`;
}
