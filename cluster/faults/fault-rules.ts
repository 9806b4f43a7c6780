/**
 * The fault rules of a cluster: which there are, and which strikes next.
 *
 * Owns: counting occasions, and deciding each from the rule alone, so that a seed strikes the same ones again. Leaves to
 * RequestFaults and FaultyDisk: what a strike does.
 */
import { type DiskFaultRule, type FaultRule, faultRule, isDiskRule, type RequestFaultRule } from "./fault-rule.ts";

/** A rule in force, as whoever added it sees it. */
export interface Fault {
  readonly id: number;
  readonly rule: FaultRule;
  /** How often it struck. */
  readonly fired: number;
  /** How often it could have. */
  readonly occasions: number;
  /** Resolves when it has struck so often, once when left out. */
  whenFired(times?: number): Promise<void>;
  /** Takes it out of force. */
  remove(): void;
}

/** Rules beyond these are a program's mistake: each is looked at for every request. */
const MAX_RULES = 1000;

export class ActiveFault<R extends FaultRule = FaultRule> implements Fault {
  readonly id: number;
  readonly rule: R;
  fired = 0;
  occasions = 0;
  private readonly owner: FaultRules;
  private readonly random: () => number;
  private readonly waiting: { readonly times: number; readonly resolve: () => void }[] = [];

  constructor(id: number, rule: R, owner: FaultRules) {
    this.id = id;
    this.rule = rule;
    this.owner = owner;
    this.random = seededFractions(rule.seed ?? id);
  }

  /** Takes in an occasion; true when the rule strikes. */
  strikes(): boolean {
    const { nth, probability, once, times = once === true ? 1 : Number.POSITIVE_INFINITY } = this.rule;
    this.occasions++;
    this.owner.onOccasion?.();
    if (this.fired >= times) return false;
    if (nth !== undefined && this.occasions !== nth) return false;
    if (probability !== undefined && this.random() >= probability) return false;
    this.fired++;
    this.tell();
    return true;
  }

  whenFired(times = 1): Promise<void> {
    if (this.fired >= times) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ times, resolve }));
  }

  remove(): void {
    this.owner.remove(this.id);
  }

  /** Takes in what struck elsewhere. */
  struck(fired: number, occasions: number): void {
    this.fired += fired;
    this.occasions += occasions;
    if (fired > 0) this.tell();
  }

  private tell(): void {
    this.owner.onFired?.(this);
    for (const { times, resolve } of this.waiting) if (this.fired >= times) resolve();
  }
}

export class FaultRules {
  /** In the order they were added: the first that strikes a request is the one. */
  requests: readonly ActiveFault<RequestFaultRule>[] = [];
  disks: readonly ActiveFault<DiskFaultRule>[] = [];
  /** Told of each strike. */
  onFired: ((fault: Fault) => void) | undefined;
  /** Told of each occasion, whether or not it is a strike. */
  onOccasion: (() => void) | undefined;
  private nextId = 1;

  get list(): readonly Fault[] {
    return [...this.requests, ...this.disks].sort((a, b) => a.id - b.id);
  }

  /** Puts a rule in force. @throws FaultRuleError what is wrong with it. */
  add(value: FaultRule): Fault {
    return this.put(this.nextId++, faultRule(value));
  }

  /** The same with an id given elsewhere. */
  put(id: number, rule: FaultRule): Fault {
    if (this.requests.length + this.disks.length >= MAX_RULES) throw new Error(`${MAX_RULES} fault rules are in force`);
    let fault: Fault;
    if (isDiskRule(rule)) {
      const added = new ActiveFault<DiskFaultRule>(id, rule, this);
      this.disks = [...this.disks, added];
      fault = added;
    } else {
      const added = new ActiveFault<RequestFaultRule>(id, rule, this);
      this.requests = [...this.requests, added];
      fault = added;
    }
    return fault;
  }

  /** False: there is none of this id. */
  remove(id: number): boolean {
    const before = this.requests.length + this.disks.length;
    this.requests = this.requests.filter((fault) => fault.id !== id);
    this.disks = this.disks.filter((fault) => fault.id !== id);
    return this.requests.length + this.disks.length < before;
  }

  clear(): void {
    this.requests = [];
    this.disks = [];
  }

  /** Takes on the rules in force elsewhere; those that were in force go on counting. */
  become(rules: readonly { readonly id: number; readonly rule: FaultRule }[]): void {
    for (const { id } of this.list) if (!rules.some((one) => one.id === id)) this.remove(id);
    const known = new Set(this.list.map(({ id }) => id));
    for (const { id, rule } of rules) if (!known.has(id)) this.put(id, rule);
  }

  /** Counts what struck in another process. */
  note(id: number, fired: number, occasions: number): void {
    [...this.requests, ...this.disks].find((fault) => fault.id === id)?.struck(fired, occasions);
  }
}

/** Numbers in [0, 1) that a seed repeats (splitmix32): how a program's faults are drawn has nothing to do with a node's randomness. */
function seededFractions(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  };
}
