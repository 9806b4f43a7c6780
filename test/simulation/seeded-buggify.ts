/** Decides by seed which of the rare things happen: a run has some sites that fire often, and the others never. */
import type { Buggify } from "../../storage/buggify.ts";
import type { SeededRandom } from "./seeded-random.ts";

const SITE_IS_ON = 0.25;

export class SeededBuggify implements Buggify {
  private readonly random: SeededRandom;
  /** Probability of each site met so far; 0 when it is off in this run. */
  private readonly sites = new Map<string, number>();
  /** How often each site fired. */
  readonly fired = new Map<string, number>();

  constructor(random: SeededRandom) {
    this.random = random;
  }

  rarely(site: string): boolean {
    let probability = this.sites.get(site);
    if (probability === undefined) {
      const own = this.random.split(site);
      probability = own.chance(SITE_IS_ON) ? own.between(2, 25) / 100 : 0;
      this.sites.set(site, probability);
    }
    if (probability === 0 || !this.random.chance(probability)) return false;
    this.fired.set(site, (this.fired.get(site) ?? 0) + 1);
    return true;
  }
}
