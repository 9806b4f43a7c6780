/**
 * Members that do whatever members may do, in any order, on a log that stalls, refuses and fails over: whatever happens, a group
 * stays a group, nobody is told of an assignment its leader did not make, and every request is answered in the end.
 */
import { describe, expect, it } from "vitest";
import type { ClassicGroup } from "../../../broker/groups/classic/classic-group.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { GroupWorld, type Pending, subscription } from "./group-world.ts";

const GROUPS = ["g1", "g2"];
const STEPS = 120;

interface Actor {
  readonly groupId: string;
  readonly groupInstanceId: string | null;
  readonly version: number;
  memberId: string;
  generationId: number;
  leads: boolean;
  members: string[];
  alive: boolean;
  join:
    | Pending<{
        errorCode: number;
        memberId: string;
        generationId: number;
        leader: string;
        members: { memberId: string }[];
        skipAssignment: boolean;
      }>
    | undefined;
  sync: Pending<{ errorCode: number; assignment: Buffer }> | undefined;
}

class Play {
  readonly random: SeededRandom;
  readonly actors: Actor[] = [];
  readonly asked: Pending<unknown>[] = [];
  private readonly hungUp = new Set<Pending<unknown>>();
  /** What leaders handed in, by group and generation; a generation number may come again after a failover. */
  private readonly assigned = new Map<string, Map<string, Set<string>>>();
  private serial = 0;
  readonly world: GroupWorld;

  constructor(world: GroupWorld, seed: number) {
    this.world = world;
    this.random = new SeededRandom(seed);
  }

  async step(): Promise<void> {
    const { random, world } = this;
    const dice = random.below(100);
    if (dice < 12) this.newActor();
    else if (dice < 80) this.act();
    else if (dice < 90) world.clock.advance(random.pick([1, 500, 3000, 6000, 15_000]));
    else if (dice < 92) world.clock.stall(random.pick([100, 2000, 30_000]));
    else if (dice < 94) this.toggleCommit();
    else if (dice < 96) world.log.refusal = world.log.refusal === undefined ? ErrorCode.NOT_ENOUGH_REPLICAS : undefined;
    else if (dice < 98) await this.failOver();
    else this.lookOn();
    for (const actor of this.actors) this.hear(actor);
    this.check();
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
    const before = GROUPS.map((groupId) => world.group(groupId));
    await world.failOver();
    for (const group of before) {
      if (group === undefined || group.state !== "Stable") continue;
      // What is stable is in the log.
      const after = world.group(group.groupId) as ClassicGroup;
      expect(persisted(after)).toEqual(persisted(group));
    }
  }

  private newActor(): void {
    const { random } = this;
    const version = random.pick([0, 3, 4, 5, 7, 9]);
    this.actors.push({
      groupId: random.pick(GROUPS),
      groupInstanceId: version >= 5 && random.oneIn(2) ? random.pick(["i1", "i2", "i3"]) : null,
      version,
      memberId: "",
      generationId: -1,
      leads: false,
      members: [],
      alive: true,
      join: undefined,
      sync: undefined,
    });
  }

  private act(): void {
    const { random, actors } = this;
    const alive = actors.filter((actor) => actor.alive);
    if (alive.length === 0) return;
    const actor = random.pick(alive);
    const dice = random.below(100);
    if (dice < 35) this.join(actor);
    else if (dice < 60) this.sync(actor);
    else if (dice < 80) this.heartbeat(actor);
    else if (dice < 88) this.commit(actor);
    else if (dice < 93) this.leave(actor);
    else this.vanish(actor);
  }

  /** Its process is gone, and its connections with it. */
  private vanish(actor: Actor): void {
    actor.alive = false;
    if (this.random.oneIn(2)) return; // nobody notices: a cable was cut
    for (const pending of [actor.join, actor.sync] as (Pending<unknown> | undefined)[]) {
      if (pending === undefined) continue;
      pending.hangUp();
      this.hungUp.add(pending);
    }
  }

  private join(actor: Actor): void {
    if (this.random.oneIn(12)) actor.memberId = ""; // its process began anew
    const topic = this.random.oneIn(8) ? `t${this.random.below(3)}` : "t1";
    const names = this.random.oneIn(6) ? ["roundrobin", "range"] : ["range", "roundrobin"];
    const protocols = names.map((name) => ({ name, metadata: subscription(topic) }));
    const { groupId, memberId, groupInstanceId, version } = actor;
    const request = { groupId, memberId, protocols, sessionTimeoutMs: 6000 + this.random.below(6000) };
    actor.join = this.ask(
      this.world.join(version, {
        ...request,
        ...(version >= 1 ? { rebalanceTimeoutMs: this.random.pick([-1, 5000, 20_000]) } : {}),
        ...(version >= 5 ? { groupInstanceId } : {}),
      }),
    );
    actor.sync = undefined;
  }

  private sync(actor: Actor): void {
    const { groupId, memberId, generationId, groupInstanceId } = actor;
    const assignments = actor.leads
      ? actor.members.map((member) => ({
          memberId: member,
          assignment: Buffer.from(`${groupId} ${generationId} ${member} ${this.serial++}`),
        }))
      : [];
    const key = `${groupId} ${generationId}`;
    const made = this.assigned.get(key) ?? new Map<string, Set<string>>();
    this.assigned.set(key, made);
    for (const { memberId: member, assignment } of assignments) {
      made.set(member, (made.get(member) ?? new Set()).add(assignment.toString()));
    }
    actor.sync = this.ask(this.world.sync(3, { groupId, memberId, generationId, groupInstanceId, assignments }));
  }

  private heartbeat({ groupId, memberId, generationId, groupInstanceId }: Actor): void {
    this.ask(this.world.heartbeat(3, { groupId, memberId, generationId, groupInstanceId }));
  }

  private commit({ groupId, memberId, generationId, groupInstanceId }: Actor): void {
    const partitions = [{ partitionIndex: 0, committedOffset: this.serial++, committedMetadata: "" }];
    const topics = [{ name: "t1", partitions }];
    this.ask(
      this.world.commit(7, { groupId, memberId, generationIdOrMemberEpoch: generationId, groupInstanceId, topics }),
    );
  }

  private leave(actor: Actor): void {
    const { groupId, memberId, groupInstanceId } = actor;
    const byInstance = groupInstanceId !== null && this.random.oneIn(2);
    this.ask(this.world.leave(3, { groupId, members: [{ memberId: byInstance ? "" : memberId, groupInstanceId }] }));
  }

  /** Somebody looks at groups; that never changes anything. */
  private lookOn(): void {
    this.ask(this.world.describe(6, GROUPS));
    this.ask(this.world.list(5));
    this.ask(
      this.world.fetch(9, {
        groups: GROUPS.map((groupId) => ({ groupId, topics: null })),
        requireStable: this.random.oneIn(2),
      }),
    );
  }

  private ask<R>(pending: Pending<R>): Pending<R> {
    this.asked.push(pending as Pending<unknown>);
    return pending;
  }

  private hear(actor: Actor): void {
    const joined = actor.join?.answer;
    if (joined !== undefined) {
      actor.join = undefined;
      if (joined.errorCode === ErrorCode.NONE || joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
        actor.memberId = joined.memberId;
        actor.generationId = joined.generationId;
        actor.leads = joined.leader === joined.memberId && !joined.skipAssignment;
        actor.members = joined.members.map(({ memberId }) => memberId);
        if (actor.leads) expect(actor.members).toContain(actor.memberId);
        else if (!joined.skipAssignment) expect(actor.members).toEqual([]);
      } else if (
        joined.errorCode === ErrorCode.UNKNOWN_MEMBER_ID ||
        joined.errorCode === ErrorCode.FENCED_INSTANCE_ID
      ) {
        actor.memberId = "";
      }
    }
    const synced = actor.sync?.answer;
    if (synced === undefined) return;
    actor.sync = undefined;
    if (synced.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) actor.memberId = "";
    if (synced.errorCode !== ErrorCode.NONE || synced.assignment.length === 0) return;
    // Its own part, of its own generation; a static member has that of the id it had.
    const [groupId, generation, member] = synced.assignment.toString().split(" ") as [string, string, string];
    expect([groupId, generation]).toEqual([actor.groupId, String(actor.generationId)]);
    expect(this.assigned.get(`${groupId} ${generation}`)?.get(member)?.has(synced.assignment.toString())).toBe(true);
    if (actor.groupInstanceId === null) expect(member).toBe(actor.memberId);
    else expect(member.startsWith(`${actor.groupInstanceId}-`)).toBe(true);
  }

  private check(): void {
    for (const groupId of GROUPS) {
      const group = this.world.group(groupId);
      if (group !== undefined) checkGroup(group);
    }
  }

  /** All is well again, and nobody does anything any more. */
  quiesce(): void {
    const { world } = this;
    world.log.refusal = undefined;
    world.log.autoCommit = true;
    world.log.commit();
    world.clock.advance(700_000);
    expect(this.asked.filter((asked) => asked.answer === undefined && !this.hungUp.has(asked))).toHaveLength(0);
    for (const groupId of GROUPS) expect([undefined, "Empty"]).toContain(world.group(groupId)?.state);
    // One deadline is left: the next look for what has expired.
    expect(world.groups.shard(0)?.load).toEqual({ waiting: 0, timers: 1, uncommitted: 0 });
    world.groups.close();
    expect(world.clock.pending).toBe(0);
  }
}

/** What of a group its coordinator's successor knows. */
function persisted(group: ClassicGroup): unknown {
  const { state, generationId, protocolType, protocolName, leaderId } = group;
  const members = [...group.members.values()].map((m) => [m.memberId, m.groupInstanceId, m.assignment.toString()]);
  return { state, generationId, protocolType, protocolName, leaderId, members };
}

function checkGroup(group: ClassicGroup): void {
  const members = [...group.members.values()];
  expect(group.joinedCount).toBe(members.filter(({ join }) => join !== undefined).length);
  expect([...group.staticMembers.entries()]).toEqual(
    members
      .flatMap((m): [string, string][] => (m.groupInstanceId === null ? [] : [[m.groupInstanceId, m.memberId]]))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const counts = new Map<string, number>();
  for (const { protocols } of members) for (const { name } of protocols) counts.set(name, (counts.get(name) ?? 0) + 1);
  expect([...group.protocolCounts.entries()]).toEqual([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  expect(members.length === 0 || [...counts.values()].includes(members.length)).toBe(true);
  expect(members.length === 0 ? group.leaderId === null : group.members.has(group.leaderId ?? "")).toBe(true);
  for (const memberId of group.pendingSyncs.keys()) expect(group.members.has(memberId)).toBe(true);
  for (const memberId of group.pendingJoins.keys()) expect(group.members.has(memberId)).toBe(false);
  for (const member of members) {
    if (group.state !== "PreparingRebalance") expect(member.join).toBeUndefined();
    if (group.state !== "CompletingRebalance") expect(member.sync).toBeUndefined();
  }
  if (group.state === "Empty")
    expect([members.length, group.protocolName, group.pendingSyncs.size]).toEqual([0, null, 0]);
  if (group.state === "Stable" || group.state === "CompletingRebalance") {
    expect(members.length).toBeGreaterThan(0);
    expect(counts.get(group.protocolName ?? "")).toBe(members.length);
  }
}

describe("whatever members do", () => {
  for (const [name, settings, seeds] of [
    ["with Kafka's settings", {}, 25],
    ["with no initial delay", { initialRebalanceDelayMs: 0 }, 25],
    ["with room for few", { maxGroupSize: 2 }, 25],
  ] as const) {
    it(`R141, R142, R157: groups converge and everyone is answered, ${name}`, async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const play = new Play(await GroupWorld.start(settings), seed);
        try {
          for (let step = 0; step < STEPS; step++) await play.step();
          play.quiesce();
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    });
  }
});
