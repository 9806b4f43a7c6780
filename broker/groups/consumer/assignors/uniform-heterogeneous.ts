/**
 * The uniform assignor where members read different topics: topics are filled one by one, most partitions per reader first, each
 * partition going to the reader that has least; then loads are evened out, topic by topic, as long as that moves anything.
 *
 * Balance comes before stickiness. Balanced within one among the readers of each topic; across topics as far as a limited number
 * of rounds goes.
 */
import { type Assignment, ascending } from "../assignment.ts";
import type { AssignorInput, AssignorMember, AssignorOutput } from "./assignor.ts";
import { LoadBalancer } from "./load-balancer.ts";
import { compareUuids } from "./visiting-order.ts";

/** Each round about halves the imbalance that readers of overlapping topics leave. */
const MAX_ROUNDS = 16;
const NOBODY = -1;

export function assignUniformlyToDifferent(input: AssignorInput): AssignorOutput {
  const work = new HeterogeneousAssignment(input);
  if (work.topicIds.length === 0) return new Map();
  work.keep();
  work.assignFree();
  work.balance();
  return work.assignments();
}

class HeterogeneousAssignment {
  /** In the order in which topics are filled and evened out. */
  readonly topicIds: readonly string[];
  private readonly members: readonly AssignorMember[];
  /** Members that read a topic, as indexes, ascending. */
  private readonly readers = new Map<string, number[]>();
  /** By topic and partition: the index of the member that is to have it. */
  private readonly owners = new Map<string, Int32Array>();
  /** Partitions each member is to have, of all topics. */
  private readonly loads: Int32Array;
  private readonly balancer: LoadBalancer;

  constructor({ members, partitionCount }: AssignorInput) {
    this.members = members;
    this.loads = new Int32Array(members.length);
    this.balancer = new LoadBalancer(this.loads);
    members.forEach(({ topicIds }, index) => {
      for (const topicId of topicIds) {
        const readers = this.readers.get(topicId);
        if (readers === undefined) this.readers.set(topicId, [index]);
        else readers.push(index);
      }
    });
    for (const topicId of this.readers.keys()) {
      this.owners.set(topicId, new Int32Array(partitionCount(topicId)).fill(NOBODY));
    }
    this.topicIds = [...this.readers.keys()].sort((a, b) => this.compareTopics(a, b));
  }

  private compareTopics(a: string, b: string): number {
    const [readersOfA, readersOfB] = [this.readersOf(a).length, this.readersOf(b).length];
    const [perReaderOfA, perReaderOfB] = [this.ownersOf(a).length / readersOfA, this.ownersOf(b).length / readersOfB];
    return perReaderOfB - perReaderOfA || readersOfA - readersOfB || compareUuids(a, b);
  }

  /** Members keep what they had of topics they still read. */
  keep(): void {
    this.members.forEach(({ topicIds, assignment }, index) => {
      const read = new Set(topicIds);
      for (const [topicId, partitions] of assignment) {
        if (!read.has(topicId)) continue;
        const owners = this.ownersOf(topicId);
        for (const partition of partitions) if (owners[partition] === NOBODY) this.give(owners, partition, index);
      }
    });
  }

  assignFree(): void {
    for (const topicId of this.topicIds) {
      const owners = this.ownersOf(topicId);
      if (!owners.includes(NOBODY)) continue;
      this.balancer.begin(this.readersOf(topicId));
      owners.forEach((owner, partition) => {
        if (owner === NOBODY) this.give(owners, partition, this.balancer.nextLeastLoaded());
      });
    }
  }

  /** Goes round the topics until a whole round has moved nothing. */
  balance(): void {
    const shared = this.topicIds.filter((topicId) => this.readersOf(topicId).length > 1);
    let lastMoved = -1;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const [index, topicId] of shared.entries()) {
        if (index === lastMoved) return;
        if (this.balanceTopic(topicId) || lastMoved === -1) lastMoved = index;
      }
    }
  }

  /** Moves partitions from the readers with most to those with least; true when any moved. */
  private balanceTopic(topicId: string): boolean {
    const { balancer } = this;
    if (balancer.begin(this.readersOf(topicId)) <= 1) return false;
    const owners = this.ownersOf(topicId);
    const owned = new Map<number, number[]>();
    owners.forEach((owner, partition) => {
      const partitions = owned.get(owner);
      if (partitions === undefined) owned.set(owner, [partition]);
      else partitions.push(partition);
    });
    let moved = false;
    while (!balancer.isBalanced) {
      let most = balancer.nextMostLoaded();
      while (most !== undefined && (owned.get(most)?.length ?? 0) === 0) {
        balancer.excludeMostLoaded();
        most = balancer.nextMostLoaded();
      }
      if (most === undefined) break;
      const partition = owned.get(most)?.pop() as number;
      const least = balancer.nextLeastLoaded();
      if (balancer.isBalanced) break;
      this.loads[most] = (this.loads[most] as number) - 1;
      this.give(owners, partition, least);
      moved = true;
    }
    return moved;
  }

  assignments(): AssignorOutput {
    const byMember = this.members.map(() => new Map<string, number[]>());
    for (const topicId of this.topicIds) {
      this.ownersOf(topicId).forEach((owner, partition) => {
        const assignment = byMember[owner] as Map<string, number[]>;
        const partitions = assignment.get(topicId);
        if (partitions === undefined) assignment.set(topicId, [partition]);
        else partitions.push(partition);
      });
    }
    return new Map(
      this.members.map(({ memberId }, index): [string, Assignment] => [
        memberId,
        new Map([...(byMember[index] as Map<string, number[]>)].map(([id, partitions]) => [id, ascending(partitions)])),
      ]),
    );
  }

  private give(owners: Int32Array, partition: number, member: number): void {
    owners[partition] = member;
    this.loads[member] = (this.loads[member] as number) + 1;
  }

  private readersOf(topicId: string): readonly number[] {
    return this.readers.get(topicId) as number[];
  }

  private ownersOf(topicId: string): Int32Array {
    return this.owners.get(topicId) as Int32Array;
  }
}
