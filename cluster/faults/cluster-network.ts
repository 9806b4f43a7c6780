/**
 * The ways between the nodes of a cluster, as tests handle them.
 *
 * A cut is a black hole: what is sent does not arrive, sockets stay open, nothing is reset, dials time out. Clients are not cut unless
 * they are named.
 */
import type { LinkEnd, LinkFault, Links } from "./links.ts";

export interface LinkOptions {
  /** From the first to the second only. */
  readonly oneWay?: boolean;
}

export class ClusterNetwork {
  private readonly links: Links;
  private readonly ends: () => readonly LinkEnd[];
  private readonly onChange: (fault: LinkFault) => void;

  /** @param ends everybody who can be named */
  constructor(links: Links, ends: () => readonly LinkEnd[], onChange: (fault: LinkFault) => void) {
    this.links = links;
    this.ends = ends;
    this.onChange = onChange;
  }

  /** Ways that are cut or slow now. */
  get faults(): readonly LinkFault[] {
    return this.links.faults;
  }

  /** Nothing passes between two nodes until it is healed; with `oneWay` nothing from the first to the second. @throws Error no such node. */
  cut(a: LinkEnd, b: LinkEnd, options: LinkOptions = {}): void {
    for (const direction of this.between(a, b, options)) {
      direction.cut = true;
      this.onChange({ from: direction.from, to: direction.to, cut: true, delayMs: direction.delayMs });
    }
  }

  /** What passes takes so much longer; 0 ends it. @throws Error no such node. */
  delay(a: LinkEnd, b: LinkEnd, delayMs: number, options: LinkOptions = {}): void {
    if (!(delayMs >= 0 && Number.isFinite(delayMs))) throw new Error(`a delay of ${delayMs} ms`);
    for (const direction of this.between(a, b, options)) {
      direction.delayMs = delayMs;
      this.onChange({ from: direction.from, to: direction.to, cut: direction.cut, delayMs });
    }
  }

  /** Heals what lies between two nodes; all around one; everything. What was sent meanwhile arrives, if its connection lives. */
  heal(a?: LinkEnd, b?: LinkEnd): void {
    for (const end of [a, b]) if (end !== undefined) this.known(end);
    const before = this.links.faults;
    this.links.heal(a, b);
    const after = this.links.faults;
    for (const { from, to } of before) {
      const isHealed = !after.some((fault) => fault.from === from && fault.to === to);
      if (isHealed) this.onChange({ from, to, cut: false, delayMs: 0 });
    }
  }

  private between(a: LinkEnd, b: LinkEnd, { oneWay = false }: LinkOptions) {
    const [from, to] = [this.known(a), this.known(b)];
    if (from === to) throw new Error(`${from} is one end, not two`);
    return oneWay ? [this.links.direction(from, to)] : [this.links.direction(from, to), this.links.direction(to, from)];
  }

  private known(end: LinkEnd): LinkEnd {
    if (!this.ends().includes(end)) throw new Error(`there is no node ${end}`);
    return end;
  }
}
