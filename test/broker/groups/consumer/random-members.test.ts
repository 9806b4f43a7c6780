/**
 * Members that join, leave, pause, crash and change what they read, in any order, on a log that stalls, refuses and fails over:
 * no partition ever has two owners, whoever is left converges, and a successor knows all that was answered.
 */
import { describe, expect, it } from "vitest";
import type { ConsumerGroup } from "../../../../broker/groups/consumer/consumer-group.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { GroupWorld, type Pending, T1, T2, topicImage } from "../group-world.ts";
import type { Answer } from "./consumer.ts";

const STEPS = 150;
const SUBSCRIPTIONS = [["t1"], ["t2"], ["t1", "t2"], ["t1", "t3"]];
const REGEXES = ["t[12]", "t.*", "none"];

class Actor {
  epoch = 0;
  /** "t-p" by topic id: what it reads from now. */
  owned = new Set<string>();
  joined = false;
  /** An answer was lost: all is said again, so that all is answered. */
  saysAll = false;
  subscription: { subscribedTopicNames: string[]; subscribedTopicRegex: string } | undefined;
  pending: Pending<Answer> | undefined;
  readonly memberId: string;
  readonly instanceId: string | null;

  constructor(memberId: string, instanceId: string | null) {
    this.memberId = memberId;
    this.instanceId = instanceId;
  }

  get topicPartitions() {
    const topics = new Map<string, number[]>();
    for (const owned of this.owned) {
      const [topicId, partition] = owned.split(" ") as [string, string];
      topics.set(topicId, [...(topics.get(topicId) ?? []), Number(partition)]);
    }
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
  }
}

class Play {
  readonly random: SeededRandom;
  readonly world: GroupWorld;
  readonly actors: Actor[] = [];
  private serial = 0;
  private topics = [topicImage(T1.name, T1.id, 4), topicImage(T2.name, T2.id, 3)];

  constructor(world: GroupWorld, seed: number) {
    this.world = world;
    this.random = new SeededRandom(seed);
    world.setTopics(...this.topics);
  }

  async step(): Promise<void> {
    const { random, world } = this;
    const dice = random.below(100);
    if (dice < 8) this.newActor();
    else if (dice < 75) this.act();
    else if (dice < 88) world.clock.advance(random.pick([1, 500, 1000, 5000, 12_000]));
    else if (dice < 90) world.clock.stall(random.pick([100, 2000, 60_000]));
    else if (dice < 92) this.toggleCommit();
    else if (dice < 94) world.log.refusal = world.log.refusal === undefined ? ErrorCode.NOT_ENOUGH_REPLICAS : undefined;
    else if (dice < 96) await this.failOver();
    else if (dice < 98) this.changeTopics();
    else world.describeConsumers(["g"]);
    for (const actor of this.actors) this.hear(actor);
    this.check();
  }

  private newActor(): void {
    const instanceId = this.random.oneIn(4) ? `i${this.random.below(3)}` : null;
    this.actors.push(new Actor(`m${this.serial++}`, instanceId));
  }

  private act(): void {
    if (this.actors.length === 0) return;
    const { random } = this;
    const actor = random.pick(this.actors);
    if (actor.pending !== undefined) return;
    const dice = random.below(100);
    if (!actor.joined) this.join(actor);
    else if (dice < 75) this.heartbeat(actor);
    else if (dice < 80) this.send(actor, { memberEpoch: actor.epoch, ...this.subscribe(actor) });
    else if (dice < 84) this.join(actor);
    else if (dice < 87) {
      // A crash: nobody hears of it, and nothing is read any more.
      this.actors.splice(this.actors.indexOf(actor), 1);
      actor.owned.clear();
    } else if (dice < 91) {
      this.send(actor, { memberEpoch: actor.instanceId !== null && random.oneIn(2) ? -2 : -1 });
      this.lose(actor);
    } else if (dice < 93) this.send(actor, { memberEpoch: actor.epoch + 1 + random.below(2) });
    else this.send(actor, { memberEpoch: actor.epoch, topicPartitions: null });
  }

  private subscribe(actor: Actor) {
    const { random } = this;
    const byRegex = random.oneIn(3);
    actor.subscription = {
      subscribedTopicNames: byRegex ? [] : random.pick(SUBSCRIPTIONS),
      subscribedTopicRegex: byRegex ? random.pick(REGEXES) : "",
    };
    return actor.subscription;
  }

  private join(actor: Actor): void {
    this.lose(actor);
    actor.epoch = 0;
    this.send(actor, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 20_000,
      topicPartitions: [],
      serverAssignor: this.random.oneIn(5) ? "range" : null,
      ...this.subscribe(actor),
    });
  }

  heartbeat(actor: Actor): void {
    const { epoch: memberEpoch, topicPartitions, saysAll, subscription } = actor;
    const all = saysAll ? { rebalanceTimeoutMs: 20_000, ...subscription } : {};
    this.send(actor, { memberEpoch, topicPartitions, ...all });
  }

  private send(actor: Actor, request: Parameters<GroupWorld["consumerHeartbeat"]>[0]): void {
    const { memberId, instanceId } = actor;
    actor.pending = this.world.consumerHeartbeat({ memberId, instanceId, ...request });
    this.hear(actor);
  }

  private lose(actor: Actor): void {
    actor.joined = false;
    actor.owned.clear();
  }

  private hear(actor: Actor): void {
    const answer = actor.pending?.answer;
    if (answer === undefined) return;
    actor.pending = undefined;
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        if (answer.memberEpoch < 0) return;
        actor.saysAll = false;
        actor.joined = true;
        actor.epoch = answer.memberEpoch;
        if (answer.assignment === null) return;
        actor.owned = new Set(
          answer.assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
            partitions.map((partition) => `${topicId} ${partition}`),
          ),
        );
        return;
      case ErrorCode.FENCED_MEMBER_EPOCH:
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_INSTANCE_ID:
      case ErrorCode.UNRELEASED_INSTANCE_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
        this.lose(actor);
        return;
      default:
        // It tries again, in the epoch it had.
        expect([14, 15, 16, 7]).toContain(answer.errorCode);
        actor.saysAll = true;
    }
  }

  private toggleCommit(): void {
    const { log } = this.world;
    log.autoCommit = !log.autoCommit;
    if (log.autoCommit) log.commit();
    else if (this.random.oneIn(2)) log.commit(Math.max(log.highWatermark, log.logEndOffset - this.random.below(3)));
  }

  private async failOver(): Promise<void> {
    const { world } = this;
    world.log.refusal = undefined;
    const before = world.consumerGroup();
    await world.failOver();
    // What a coordinator has made of its decisions is what its successor makes of their records.
    expect(persisted(world.consumerGroup())).toEqual(persisted(before));
  }

  private changeTopics(): void {
    const { random } = this;
    const grown = (this.topics[0]?.partitions.length ?? 0) + random.below(2);
    this.topics = [
      topicImage(T1.name, T1.id, grown),
      ...(random.oneIn(4) ? [] : [topicImage(T2.name, T2.id, 3)]),
      ...(random.oneIn(2) ? [] : [topicImage("t3", "AAAAAAAAAAAAAAAAAAAA_w", 1 + random.below(2))]),
    ];
    this.world.setTopics(...this.topics);
  }

  private check(): void {
    const group = this.world.consumerGroup();
    if (group !== undefined) checkGroup(group);
  }

  /** All is well again: whoever is left converges. */
  converge(): void {
    const { world, actors } = this;
    world.log.refusal = undefined;
    world.log.autoCommit = true;
    world.log.commit();
    // One of each instance, and nobody else.
    const instances = new Set<string>();
    const living = actors.filter(({ instanceId }) => {
      if (instanceId === null) return true;
      const first = !instances.has(instanceId);
      instances.add(instanceId);
      return first;
    });
    for (const actor of actors) this.hear(actor);
    for (let round = 0; round < 60; round++) {
      for (const actor of living) {
        if (actor.joined) this.heartbeat(actor);
        else this.join(actor);
        this.check();
      }
      world.clock.advance(2000);
      this.check();
    }
    const group = world.consumerGroup();
    if (living.length === 0) {
      expect(group?.members.size ?? 0).toBe(0);
      return;
    }
    expect([...(group as ConsumerGroup).members.keys()].sort()).toEqual(living.map(({ memberId }) => memberId).sort());
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Stable");
    const read = new Set([...(group as ConsumerGroup).subscriptions.keys()]);
    const expected = this.topics
      .filter(({ name }) => read.has(name))
      .flatMap(({ id, partitions }) => partitions.map((_, partition) => `${id} ${partition}`));
    expect(living.flatMap(({ owned }) => [...owned]).sort()).toEqual(expected.sort());
  }

  /** Everybody goes, and nothing is left behind. */
  quiesce(): void {
    const { world } = this;
    world.clock.advance(700_000);
    expect(world.consumerGroup()?.members.size ?? 0).toBe(0);
    expect(world.groups.shard(0)?.load).toEqual({ waiting: 0, timers: 1, uncommitted: 0 });
    world.groups.close();
    expect(world.clock.pending).toBe(0);
  }
}

/** What of a group its coordinator's successor knows, in any order. */
function persisted(group: ConsumerGroup | undefined): unknown {
  if (group === undefined) return undefined;
  const { groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs } = group;
  const sorted = (owned: ReadonlyMap<string, unknown>) => new Map([...owned].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...{ groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs },
    members: [...group.members.values()].map((member) => ({
      ...member,
      assigned: sorted(member.assigned),
      pendingRevocation: sorted(member.pendingRevocation),
    })),
    statics: [...group.staticMembers.entries()],
    targets: [...group.targetAssignment.entries()].map(([id, target]) => [id, sorted(target)]),
    subscriptions: [...group.subscriptions.entries()],
    regexes: [...group.resolvedRegexes.entries()],
    regexCounts: [...group.regexCounts.entries()],
    assignorCounts: [...group.assignorCounts.entries()],
  };
}

/** As expect, without its costs: these are asked a million times. */
function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** R147: nobody has what another has, in the coordinator's own books. */
function checkGroup(group: ConsumerGroup): void {
  const owners = new Map<string, string>();
  for (const { memberId, assigned, pendingRevocation, memberEpoch } of group.members.values()) {
    require(memberEpoch <= group.assignmentEpoch, `${memberId} is not ahead of the target`);
    for (const owned of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of owned) {
        for (const [partition, since] of partitions) {
          const key = `${topicId} ${partition}`;
          require(!owners.has(key), `${key} has one owner`);
          owners.set(key, memberId);
          require(since <= group.groupEpoch, `${key} was assigned in the past`);
          require(group.partitionEpochs.get(topicId, partition) === memberEpoch, `${key} is in its owner's epoch`);
        }
      }
    }
  }
  require(group.assignmentEpoch <= group.groupEpoch, "the target is not ahead of the group");
  const targets = new Set<string>();
  for (const [memberId, target] of group.targetAssignment.entries()) {
    require(group.members.has(memberId), `${memberId} is a member`);
    for (const [topicId, partitions] of target) {
      for (const partition of partitions) {
        require(!targets.has(`${topicId} ${partition}`), `${topicId} ${partition} is to have one owner`);
        targets.add(`${topicId} ${partition}`);
      }
    }
  }
  for (const [instanceId, memberId] of group.staticMembers.entries()) {
    require(group.members.get(memberId)?.instanceId === instanceId, `${instanceId} is who it is`);
  }
}

/** R147: no two that are alive read from one partition at once. */
function checkReaders(actors: readonly Actor[], group: ConsumerGroup | undefined): void {
  const readers = new Map<string, Actor>();
  for (const actor of actors) {
    const member = group?.members.get(actor.memberId);
    // One that was fenced and has not heard of it is in no epoch any more.
    if (!actor.joined || member === undefined || member.memberEpoch !== actor.epoch) continue;
    for (const owned of actor.owned) {
      require(!readers.has(owned), `${owned} has one reader`);
      readers.set(owned, actor);
    }
  }
}

describe("whatever members do", () => {
  it("R147: no partition has two owners in one epoch, groups converge, and nothing is left behind", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const play = new Play(await GroupWorld.start(), seed);
      try {
        for (let step = 0; step < STEPS; step++) {
          await play.step();
          checkReaders(play.actors, play.world.consumerGroup());
        }
        play.converge();
        play.quiesce();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
