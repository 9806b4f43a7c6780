/**
 * Threads of an application that join, leave, pause and crash in any order, on a log that stalls, refuses and fails over, while
 * topics come and go: no task ever runs twice, whoever is left converges, and a successor knows all that was answered.
 */
import { describe, expect, it } from "vitest";
import type { StreamsGroup } from "../../../../broker/groups/streams/streams-group.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { type GroupWorld, type Pending, T1, T2, topicImage } from "../group-world.ts";
import { type Answer, internalTopic, NO_TASK_IDS, type Request, subtopology, topology } from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

const STEPS = 150;
const TOPOLOGY = topology(
  subtopology("0", ["t1"], { repartitionSinkTopics: ["r"] }),
  subtopology("1", ["t2"], {
    repartitionSourceTopics: [internalTopic("r")],
    stateChangelogTopics: [internalTopic("c")],
  }),
);

class Actor {
  epoch = 0;
  /** "subtopology_partition", by role. */
  active = new Set<string>();
  standby = new Set<string>();
  joined = false;
  pending: Pending<Answer> | undefined;
  readonly memberId: string;
  readonly processId: string;

  constructor(memberId: string, processId: string) {
    this.memberId = memberId;
    this.processId = processId;
  }

  get taskIds() {
    return { activeTasks: idsOf(this.active), standbyTasks: idsOf(this.standby), warmupTasks: [] };
  }

  lose(): void {
    this.joined = false;
    this.active.clear();
    this.standby.clear();
  }
}

function idsOf(tasks: ReadonlySet<string>) {
  const ids = new Map<string, number[]>();
  for (const task of tasks) {
    const [subtopologyId, partition] = task.split("_") as [string, string];
    ids.set(subtopologyId, [...(ids.get(subtopologyId) ?? []), Number(partition)]);
  }
  return [...ids].map(([subtopologyId, partitions]) => ({ subtopologyId, partitions }));
}

function keysOf(ids: readonly { subtopologyId: string; partitions: number[] }[]): Set<string> {
  return new Set(ids.flatMap(({ subtopologyId, partitions }) => partitions.map((p) => `${subtopologyId}_${p}`)));
}

class Play {
  readonly random: SeededRandom;
  readonly world: GroupWorld;
  readonly actors: Actor[] = [];
  private serial = 0;
  private sizes = { t1: 3, t2: 4, r: 0, c: 0 };

  constructor(world: GroupWorld, seed: number) {
    this.world = world;
    this.random = new SeededRandom(seed);
    this.setTopics();
  }

  async step(): Promise<void> {
    const { random, world } = this;
    const dice = random.below(100);
    if (dice < 8) this.actors.push(new Actor(`m${this.serial++}`, `p${random.below(3)}`));
    else if (dice < 75) this.act();
    else if (dice < 88) world.clock.advance(random.pick([1, 500, 1000, 5000, 12_000]));
    else if (dice < 90) world.clock.stall(random.pick([100, 2000, 60_000]));
    else if (dice < 92) this.toggleCommit();
    else if (dice < 94) world.log.refusal = world.log.refusal === undefined ? ErrorCode.NOT_ENOUGH_REPLICAS : undefined;
    else if (dice < 96) await this.failOver();
    else if (dice < 98) this.changeTopics();
    else world.describeStreams(["g"]);
    for (const actor of this.actors) this.hear(actor);
    this.check();
  }

  private act(): void {
    if (this.actors.length === 0) return;
    const { random } = this;
    const actor = random.pick(this.actors);
    if (actor.pending !== undefined) return;
    const dice = random.below(100);
    if (!actor.joined) this.join(actor);
    else if (dice < 80) this.heartbeat(actor);
    else if (dice < 84) this.join(actor);
    else if (dice < 87) {
      // A crash: nobody hears of it, and nothing runs any more.
      this.actors.splice(this.actors.indexOf(actor), 1);
      actor.lose();
    } else if (dice < 91) {
      this.send(actor, { memberEpoch: -1 });
      actor.lose();
    } else if (dice < 93) this.send(actor, { memberEpoch: actor.epoch + 1 + random.below(2) });
    else this.send(actor, { memberEpoch: actor.epoch });
  }

  private join(actor: Actor): void {
    actor.lose();
    actor.epoch = 0;
    const { processId } = actor;
    this.send(actor, { topology: TOPOLOGY, processId, rebalanceTimeoutMs: 20_000, clientTags: [], ...NO_TASK_IDS });
  }

  heartbeat(actor: Actor): void {
    this.send(actor, { memberEpoch: actor.epoch, ...actor.taskIds });
  }

  private send(actor: Actor, request: Request): void {
    actor.pending = this.world.streamsHeartbeat({ memberId: actor.memberId, ...request });
    this.hear(actor);
  }

  private hear(actor: Actor): void {
    const answer = actor.pending?.answer;
    if (answer === undefined) return;
    actor.pending = undefined;
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        if (answer.memberEpoch < 0) return;
        actor.joined = true;
        actor.epoch = answer.memberEpoch;
        if (answer.activeTasks === null) return;
        actor.active = keysOf(answer.activeTasks);
        actor.standby = keysOf(answer.standbyTasks ?? []);
        return;
      case ErrorCode.FENCED_MEMBER_EPOCH:
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
      // What it had is of a topology that has shrunk.
      case ErrorCode.INVALID_REQUEST:
        actor.lose();
        return;
      default:
        // It does not know what was meant for it, and begins anew.
        expect([14, 15, 16, 7]).toContain(answer.errorCode);
        actor.lose();
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
    const before = world.streamsGroup();
    await world.failOver();
    // What a coordinator has made of its decisions is what its successor makes of their records.
    expect(persisted(world.streamsGroup())).toEqual(persisted(before));
  }

  private changeTopics(): void {
    const { random, sizes } = this;
    const without = random.oneIn(4);
    this.sizes = { ...sizes, t1: without ? 0 : Math.max(sizes.t1, 3) + random.below(2) };
    this.setTopics();
  }

  /** Topics that are asked for are there with the next change. */
  private setTopics(): void {
    const count = Math.max(this.sizes.t1, this.sizes.t2);
    this.sizes = { ...this.sizes, r: this.sizes.t1, c: count };
    const ids = { t1: T1.id, t2: T2.id, r: "AAAAAAAAAAAAAAAAAAAB_A", c: "AAAAAAAAAAAAAAAAAAAB_Q" };
    const topics = Object.entries(this.sizes).filter(([, size]) => size > 0);
    this.world.setTopics(...topics.map(([name, size]) => topicImage(name, ids[name as keyof typeof ids], size)));
  }

  private check(): void {
    const group = this.world.streamsGroup();
    if (group !== undefined) checkGroup(group);
    checkRunning(this.actors, group);
  }

  /** All is well again: whoever is left converges. */
  converge(): void {
    const { world, actors } = this;
    world.log.refusal = undefined;
    world.log.autoCommit = true;
    world.log.commit();
    this.sizes = { ...this.sizes, t1: Math.max(this.sizes.t1, 3) };
    this.setTopics();
    for (const actor of actors) this.hear(actor);
    for (let round = 0; round < 60; round++) {
      for (const actor of actors) {
        if (actor.joined) this.heartbeat(actor);
        else this.join(actor);
        this.check();
      }
      world.clock.advance(2000);
      this.check();
    }
    const group = world.streamsGroup();
    if (actors.length === 0) {
      expect(group?.members.size ?? 0).toBe(0);
      return;
    }
    expect([...(group as StreamsGroup).members.keys()].sort()).toEqual(actors.map(({ memberId }) => memberId).sort());
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Stable");
    const { t1, t2 } = this.sizes;
    const expected = [
      ...Array.from({ length: t1 }, (_, i) => `0_${i}`),
      ...Array.from({ length: Math.max(t1, t2) }, (_, i) => `1_${i}`),
    ];
    expect(actors.flatMap(({ active }) => [...active]).sort()).toEqual(expected.sort());
    // A copy of each task with state, where there is another process for it.
    const processes = new Set(actors.map(({ processId }) => processId));
    const copies = expected.filter((task) => task.startsWith("1_"));
    expect(actors.flatMap(({ standby }) => [...standby]).sort()).toEqual(processes.size > 1 ? copies.sort() : []);
  }

  /** Everybody goes, and nothing is left behind. */
  quiesce(): void {
    const { world } = this;
    world.clock.advance(700_000);
    expect(world.streamsGroup()?.members.size ?? 0).toBe(0);
    expect(world.groups.shard(0)?.load).toEqual({ waiting: 0, timers: 1, uncommitted: 0 });
    world.groups.close();
    expect(world.clock.pending).toBe(0);
  }
}

/** What of a group its coordinator's successor knows. */
function persisted(group: StreamsGroup | undefined): unknown {
  if (group === undefined) return undefined;
  const { groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs, validatedTopologyEpoch, topology } = group;
  return {
    ...{ groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs, validatedTopologyEpoch, topology },
    configs: group.assignmentConfigs,
    members: [...group.members.values()],
    targets: [...group.targetAssignment.entries()],
    owners: group.owners,
  };
}

/** As expect, without its costs: these are asked a million times. */
function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** R203, in the coordinator's own books. */
function checkGroup(group: StreamsGroup): void {
  const running = new Set<string>();
  const held = new Set<string>();
  for (const { memberId, processId, assigned, pendingRevocation, memberEpoch } of group.members.values()) {
    require(memberEpoch <= group.assignmentEpoch, `${memberId} is not ahead of the target`);
    for (const tasks of [assigned, pendingRevocation]) {
      for (const [subtopologyId, partitions] of tasks.active) {
        for (const [partition, since] of partitions) {
          const task = `${subtopologyId}_${partition}`;
          require(!running.has(task), `${task} runs once`);
          require(!held.has(`${processId} ${task}`), `${processId} has ${task} in one role`);
          require(since <= group.groupEpoch, `${task} was assigned in the past`);
          require(group.owners.activeProcess(subtopologyId, partition) === processId, `${task} is its process's`);
          running.add(task);
          held.add(`${processId} ${task}`);
        }
      }
      for (const [subtopologyId, partitions] of tasks.standby) {
        for (const partition of partitions) {
          const task = `${subtopologyId}_${partition}`;
          require(!held.has(`${processId} ${task}`), `${processId} has ${task} in one role`);
          require(group.owners.hasCopy(processId, subtopologyId, partition), `${task} is known to be copied`);
          held.add(`${processId} ${task}`);
        }
      }
    }
  }
  require(group.assignmentEpoch <= group.groupEpoch, "the target is not ahead of the group");
  for (const memberId of group.targetAssignment.keys()) require(group.members.has(memberId), `${memberId} is a member`);
}

/** R203: no two that are alive run one task at once. */
function checkRunning(actors: readonly Actor[], group: StreamsGroup | undefined): void {
  const running = new Set<string>();
  for (const actor of actors) {
    const member = group?.members.get(actor.memberId);
    // One that was fenced and has not heard of it can commit nothing any more.
    if (!actor.joined || member === undefined || member.memberEpoch !== actor.epoch) continue;
    for (const task of actor.active) {
      require(!running.has(task), `${task} runs once`);
      running.add(task);
    }
  }
}

describe("whatever members do", () => {
  for (const [name, settings] of [
    ["with Kafka's settings", { initialRebalanceDelayMs: 3000 }],
    ["with no initial delay", {}],
  ] as const) {
    it(`R203, R209: no task runs twice, groups converge, and nothing is left behind, ${name}`, async () => {
      for (let seed = 1; seed <= 10; seed++) {
        const play = new Play(await startStreams({ standbyReplicaCount: 1, ...settings }), seed);
        try {
          for (let step = 0; step < STEPS; step++) await play.step();
          play.converge();
          play.quiesce();
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    });
  }
});
