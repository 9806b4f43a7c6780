/**
 * What a group promises, held against all that its members see.
 *
 * V11: committed offsets are those of one register: what was acknowledged is what is read, refused commits never are.
 * V21: nobody is given a partition while a member that is heard of in time has it, and no such member is put out.
 * V22: a generation has one assignment; whoever commits in an older one than that in which another got the partition is refused.
 * V23: generations never go back: what the group has decided outlives its coordinator.
 * Owns: the judgement. Leaves to members: saying what they have, and until when at least their coordinator must keep them.
 */
import { Violation } from "../audit/violation.ts";
import type { Answer } from "./coordinator-client.ts";
import { RegisterHistory } from "./register-history.ts";

/** A member, as far as others have to know. */
export interface Holder {
  readonly name: string;
  /** Null: it is no static member. */
  readonly instanceId: string | null;
  /** A newcomer under its instance id takes its place, whatever it does. */
  readonly yields: boolean;
  /** Its generation, or epoch. */
  readonly generation: number;
  /** Its process runs, and believes itself in the group. */
  readonly holds: ReadonlySet<string>;
  /** Before that its coordinator may not have put it out. */
  readonly mayBeOutAtMs: number;
}

export type Seen = Pick<Answer<unknown>, "sentAt" | "cameAt" | "trusted">;

interface Gain {
  readonly by: Holder;
  readonly generation: number;
  readonly cameAt: number;
}

export interface GroupCounts {
  commits: number;
  refusedCommits: number;
  reads: number;
  gains: number;
  evictions: number;
  fencings: number;
  /** Gains while somebody else had the partition who was not heard of in time. */
  takenFromSilent: number;
  generations: number;
}

export class GroupAudit {
  readonly groupId: string;
  readonly counts: GroupCounts = {
    ...{ commits: 0, refusedCommits: 0, reads: 0, gains: 0, evictions: 0, fencings: 0, takenFromSilent: 0 },
    generations: 0,
  };
  /** Its members speak different protocols: it changes its own with them. */
  readonly isMixed: boolean;
  /** When nobody is left it may be forgotten, and begin with the first generation. */
  private readonly beginsAnew: boolean;
  private readonly nowMs: () => number;
  private readonly mayHaveLost: () => boolean;
  private readonly holders = new Set<Holder>();
  /** Those whose instance id another has since. */
  private readonly yielding = new Set<Holder>();
  /** Events before another was in the group for certain. */
  private readonly replacedAt = new Map<Holder, number>();
  private readonly registers = new Map<string, RegisterHistory>();
  /** The newest by partition. */
  private readonly gains = new Map<string, Gain>();
  /** What the leader's assignment says of itself, of generations that somebody has heard of. */
  private readonly assignments = new Map<number, string>();
  private newest = { generation: -1, cameAt: -1 };

  /** @param mayHaveLost whether the group's records may be gone, as power cuts and settings have it: then nothing is held to. */
  constructor(
    groupId: string,
    { isMixed, expires }: { readonly isMixed: boolean; readonly expires: boolean },
    nowMs: () => number,
    mayHaveLost: () => boolean,
  ) {
    this.groupId = groupId;
    this.isMixed = isMixed;
    this.beginsAnew = isMixed || expires;
    this.nowMs = nowMs;
    this.mayHaveLost = mayHaveLost;
  }

  /** @throws Violation, unless records are gone that need not have been kept. */
  private violated(invariant: string, detail: string): void {
    if (!this.mayHaveLost()) throw new Violation(invariant, `${this.groupId}: ${detail}`);
  }

  entered(holder: Holder): void {
    this.holders.add(holder);
  }

  /** It asks for the place of whoever has its instance id. */
  claims(holder: Holder): void {
    for (const other of this.namesakesOf(holder)) if (other.yields) this.yielding.add(other);
    this.yielding.delete(holder);
    this.replacedAt.delete(holder);
  }

  /** It is in a generation that is stored for good: who had its instance id is not any more. */
  settled(holder: Holder, { cameAt }: Seen): void {
    for (const other of this.namesakesOf(holder)) {
      if (this.yielding.has(other) && !this.replacedAt.has(other)) this.replacedAt.set(other, cameAt);
    }
  }

  private namesakesOf({ instanceId, name }: Holder): Holder[] {
    if (instanceId === null) return [];
    return [...this.holders].filter((other) => other.instanceId === instanceId && other.name !== name);
  }

  left(holder: Holder): void {
    this.holders.delete(holder);
  }

  /** A member is told to have these, and had not before. */
  gained(by: Holder, partitions: Iterable<string>, generation: number, seen: Seen): void {
    for (const partition of partitions) {
      this.counts.gains++;
      if (seen.trusted) this.requireSoleOwner(by, partition, generation);
      const known = this.gains.get(partition);
      if (known === undefined || known.generation <= generation || (this.beginsAnew && seen.trusted)) {
        this.gains.set(partition, { by, generation, cameAt: seen.cameAt });
      }
    }
  }

  private requireSoleOwner(by: Holder, partition: string, generation: number): void {
    for (const other of this.holders) {
      // An answer that comes late may give what is another's since.
      if (other === by || !other.holds.has(partition) || other.generation > generation) continue;
      if (this.nowMs() >= other.mayBeOutAtMs || this.yielding.has(other)) {
        this.counts.takenFromSilent++;
        continue;
      }
      this.violated(
        "V21",
        `${by.name} is given ${partition} in ${generation}; ${other.name} has it and may do so until ${other.mayBeOutAtMs}`,
      );
    }
  }

  /** A member is told that it is none. */
  putOut(holder: Holder, why: string, seen: Seen): void {
    this.counts.evictions++;
    if (!seen.trusted || this.nowMs() >= holder.mayBeOutAtMs || this.yielding.has(holder)) return;
    this.violated("V21", `${holder.name} is put out with ${why}, and may stay until ${holder.mayBeOutAtMs}`);
  }

  /** Something that is stored for good was answered in this generation. */
  inGeneration(generation: number, seen: Seen): void {
    const { newest } = this;
    if (seen.trusted && !this.beginsAnew && generation < newest.generation && seen.sentAt > newest.cameAt) {
      this.violated("V23", `it is in ${generation}, and was in ${newest.generation}`);
    }
    if (generation > newest.generation || (this.beginsAnew && seen.trusted)) {
      if (generation !== newest.generation) this.counts.generations++;
      this.newest = { generation, cameAt: seen.cameAt };
    }
  }

  /** A member got its part of the assignment that calls itself so. */
  assigned(by: Holder, generation: number, assignment: string): void {
    if (this.beginsAnew) return;
    const known = this.assignments.get(generation);
    this.assignments.set(generation, assignment);
    if (known === undefined || known === assignment) return;
    this.violated("V22", `${by.name} got ${assignment} in ${generation}, others ${known}`);
  }

  committing(partition: string, id: string, startedAt: number): void {
    this.registerOf(partition).writing(id, startedAt);
  }

  committed(by: Holder, partition: string, id: string, generation: number, seen: Seen): void {
    this.counts.commits++;
    this.registerOf(partition).written(id, seen.cameAt, "done");
    if (seen.sentAt > (this.replacedAt.get(by) ?? Number.POSITIVE_INFINITY)) {
      this.violated("V22", `${by.name} commits ${partition} in ${generation}; another has its instance id`);
    }
    const gain = this.gains.get(partition);
    if (gain === undefined || gain.by === by || gain.generation <= generation || seen.sentAt <= gain.cameAt) return;
    this.violated(
      "V22",
      `${by.name} commits ${partition} in ${generation}; ${gain.by.name} got it in ${gain.generation}`,
    );
  }

  refused(partition: string, id: string, seen: Seen): void {
    this.counts.refusedCommits++;
    this.registerOf(partition).written(id, seen.cameAt, "refused");
  }

  /** @param id what came with the offset. */
  read(partition: string, id: string, seen: Seen): void {
    if (!seen.trusted) return;
    this.counts.reads++;
    this.registerOf(partition).read(id, seen.sentAt, seen.cameAt);
  }

  /** V11, once all is over. */
  check(): void {
    for (const [partition, register] of this.registers) {
      const why = register.contradiction();
      if (why !== undefined) this.violated("V11", `${partition}: ${why}`);
    }
  }

  private registerOf(partition: string): RegisterHistory {
    let register = this.registers.get(partition);
    if (register === undefined) {
      register = new RegisterHistory();
      this.registers.set(partition, register);
    }
    return register;
  }
}
