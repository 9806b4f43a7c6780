/**
 * Which of some members has least and which has most, one after the other, as if each that is named gained or lost one partition.
 *
 * Members stand in the order of their loads. Those with least are a range that begins at the left and grows to the right when all
 * in it have been served; those with most are one at the right that grows to the left. It is even when the levels of both differ
 * by one at most.
 */
export class LoadBalancer {
  private readonly loads: Int32Array;
  private members: number[] = [];
  private leastEnd = 0;
  private leastLevel = 0;
  private nextLeast = 0;
  private mostStart = 0;
  /** Those behind it have nothing to give. */
  private mostEnd = 0;
  private mostLevel = 0;
  private nextMost = 0;

  /** @param loads partitions by member index; read while members are sorted and ranges grow. */
  constructor(loads: Int32Array) {
    this.loads = loads;
  }

  /** Starts anew with these members, at least one; returns by how much their loads differ. */
  begin(members: readonly number[]): number {
    this.members = [...members].sort((a, b) => this.load(a) - this.load(b) || a - b);
    const { length } = this.members;
    const least = this.loadAt(0);
    const most = this.loadAt(length - 1);
    this.leastEnd = 0;
    this.leastLevel = least - 1;
    this.nextLeast = 0;
    this.mostStart = length;
    this.mostEnd = length;
    this.mostLevel = most + 1;
    this.nextMost = length - 1;
    return most - least;
  }

  get isBalanced(): boolean {
    return this.mostLevel - this.leastLevel <= 1;
  }

  /** To whom the next partition goes. */
  nextLeastLoaded(): number {
    if (this.nextLeast >= this.leastEnd) {
      this.leastLevel++;
      while (this.leastEnd < this.members.length && this.loadAt(this.leastEnd) === this.leastLevel) this.leastEnd++;
      this.nextLeast = 0;
    }
    return this.members[this.nextLeast++] as number;
  }

  /** From whom the next partition comes; undefined when nobody is left. */
  nextMostLoaded(): number | undefined {
    if (this.nextMost < this.mostStart) {
      // When all of the range were excluded, its level is that of the next one to the left.
      if (this.mostEnd <= this.mostStart && this.mostStart > 0) this.mostLevel = this.loadAt(this.mostStart - 1);
      else this.mostLevel--;
      while (this.mostStart > 0 && this.loadAt(this.mostStart - 1) === this.mostLevel) this.mostStart--;
      this.nextMost = this.mostEnd - 1;
    }
    return this.nextMost < 0 ? undefined : this.members[this.nextMost--];
  }

  /** Whom nextMostLoaded named last has nothing to give: it is not named again. */
  excludeMostLoaded(): void {
    const at = this.nextMost + 1;
    this.mostEnd--;
    const excluded = this.members[at] as number;
    this.members[at] = this.members[this.mostEnd] as number;
    this.members[this.mostEnd] = excluded;
  }

  private load(member: number): number {
    return this.loads[member] as number;
  }

  private loadAt(index: number): number {
    return this.load(this.members[index] as number);
  }
}
