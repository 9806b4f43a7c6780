/**
 * Random clusters: brokers come, fall silent, die, restart with and without what they had; leaders propose ISRs; topics are made,
 * moved, deleted; configs and features change. After every step V15 and V18 hold: the ISR is a subset of the replicas, a leader is
 * in the ISR, ISR and eligible replicas are disjoint, epochs do not go back, indexes agree with the image. In the end the log
 * replayed, and a snapshot with what follows it, give the same image.
 */
import { describe, expect, test } from "vitest";
import { ConfigOperationType } from "../../../broker/config/config-operation.ts";
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { decideFence, decideUnregister } from "../../../cluster/controller/brokers/fence-broker.ts";
import { decideConfigs } from "../../../cluster/controller/configs/alter-configs.ts";
import { decideProducerIds } from "../../../cluster/controller/configs/producer-ids.ts";
import { ControllerState } from "../../../cluster/controller/controller-state.ts";
import { splittable } from "../../../cluster/controller/decision.ts";
import { PartitionIndex } from "../../../cluster/controller/partition-index.ts";
import { decideAssignDirectories } from "../../../cluster/controller/replicas/assign-directories.ts";
import {
  decideElectLeaders,
  decidePreferredElections,
  decideUncleanElections,
} from "../../../cluster/controller/replicas/elect-leaders.ts";
import { decideReassignments } from "../../../cluster/controller/replicas/reassign-partitions.ts";
import { decideCreatePartitions } from "../../../cluster/controller/topics/create-partitions.ts";
import { decideCreateTopics } from "../../../cluster/controller/topics/create-topics.ts";
import { decideDeleteTopics } from "../../../cluster/controller/topics/delete-topics.ts";
import { type ClusterImage, emptyImage } from "../../../cluster/metadata/cluster-image.ts";
import { DEFAULT_FEATURE_LEVELS } from "../../../cluster/metadata/features.ts";
import { imageRecords } from "../../../cluster/metadata/image-records.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../cluster/metadata/snapshot-format.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { DirectoryId, ZERO_UUID } from "../../../protocol/uuid.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { CLUSTER_ID, DecisionBench, uuid } from "../support/decision-bench.ts";
import { sameImage } from "../support/images.ts";

const BROKERS = [1, 2, 3, 4, 5];
const TOPICS = ["a", "b", "c.d", "c_e"];
const STEPS = 300;
const SEEDS = Array.from({ length: 6 }, (_, index) => index);
const WITHOUT_ELR = new Map([...DEFAULT_FEATURE_LEVELS].filter(([name]) => !name.startsWith("eligible")));

class RandomCluster {
  readonly bench: DecisionBench;
  private readonly random: SeededRandom;
  private incarnations = 0;

  constructor(seed: number, features: ReadonlyMap<string, number>) {
    this.bench = new DecisionBench({ features, configs: { "default.replication.factor": "3" } });
    this.random = new SeededRandom(seed);
    this.bench.start(1, 2, 3);
  }

  /** One thing happens; what the protocol refuses is refused. */
  step(): void {
    const actions: (() => unknown)[] = [
      () => this.register(),
      () => this.heartbeat(),
      () => this.heartbeat(),
      () => this.heartbeat(),
      () => this.fence(),
      () => this.propose(),
      () => this.propose(),
      () => this.propose(),
      () => this.create(),
      () => this.grow(),
      () => this.reassign(),
      () => this.assignDirectory(),
      () => this.elect(),
      () => this.configure(),
      () => this.oneIn(8, () => this.remove()),
      () => this.oneIn(8, () => this.unregister()),
      () => this.bench.do((view) => decideProducerIds(view, { brokerId: 1, brokerEpoch: this.epochOf(1) })),
    ];
    this.bench.nowMs += this.random.below(4000);
    try {
      this.random.pick(actions)();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
    }
  }

  private oneIn(times: number, run: () => void): void {
    if (this.random.oneIn(times)) run();
  }

  private epochOf(id: number): number {
    return this.bench.image.brokers.get(id)?.brokerEpoch ?? -1;
  }

  private register(): void {
    const id = this.random.pick(BROKERS);
    const several = this.random.oneIn(3);
    this.bench.register(id, {
      incarnationId: uuid(`${id}-${this.incarnations++}`),
      previousBrokerEpoch: this.random.oneIn(2) ? this.epochOf(id) : -1,
      logDirs: several ? [uuid(`directory-${id}`), uuid(`second-${id}`)] : [uuid(`directory-${id}`)],
    });
  }

  private heartbeat(): void {
    const id = this.random.pick(BROKERS);
    this.bench.heartbeat(id, {
      wantFence: this.random.oneIn(10),
      wantShutDown: this.random.oneIn(6),
      offlineLogDirs: this.random.oneIn(15) ? [uuid(`second-${id}`)] : [],
      currentMetadataOffset: this.bench.image.offset - this.random.below(3),
    });
  }

  private fence(): void {
    const id = this.random.pick(BROKERS);
    const mayElectUncleanly = this.random.oneIn(2);
    this.bench.do((view) => decideFence(view, id, this.epochOf(id), { mayElectUncleanly }));
  }

  private partition(): { topic: string; partition: PartitionImage } | undefined {
    const topics = [...this.bench.image.topics.values()];
    if (topics.length === 0) return undefined;
    const topic = this.random.pick(topics);
    return { topic: topic.name, partition: this.random.pick(topic.partitions) };
  }

  private propose(): void {
    const found = this.partition();
    if (found === undefined || found.partition.leader < 0) return;
    const { topic, partition } = found;
    const members = partition.replicas.filter((id) => id === partition.leader || !this.random.oneIn(3));
    const isOdd = this.random.oneIn(10);
    this.bench.propose(topic, isOdd ? [...members, this.random.pick(BROKERS)] : members, {
      partition: partition.partition,
      leaderRecoveryState: this.random.oneIn(5) ? 1 : 0,
      ...(this.random.oneIn(10) ? { partitionEpoch: partition.partitionEpoch - 1 } : {}),
      ...(this.random.oneIn(10) ? { leaderEpoch: partition.leaderEpoch - 1 } : {}),
    });
  }

  private create(): void {
    const topic = {
      name: this.random.pick(TOPICS),
      numPartitions: 1 + this.random.below(4),
      replicationFactor: 1 + this.random.below(3),
      assignments: [],
      configs: this.random.oneIn(2)
        ? [
            { name: "min.insync.replicas", value: String(1 + this.random.below(3)) },
            { name: "unclean.leader.election.enable", value: String(this.random.oneIn(3)) },
          ]
        : [],
    };
    const request = { topics: [topic], timeoutMs: 1000, validateOnly: false };
    this.bench.do((view) => decideCreateTopics(view, request, this.random));
  }

  private grow(): void {
    const name = this.random.pick(TOPICS);
    const count = 1 + this.random.below(6);
    const request = { topics: [{ name, count, assignments: null }], timeoutMs: 1000, validateOnly: false };
    this.bench.do((view) => decideCreatePartitions(view, request, this.random));
  }

  private reassign(): void {
    const found = this.partition();
    if (found === undefined) return;
    const target = BROKERS.filter(() => this.random.oneIn(2));
    const replicas = this.random.oneIn(4) ? null : target;
    const partitions = [{ partitionIndex: found.partition.partition, replicas }];
    const topics = [{ name: found.topic, partitions }];
    this.bench.do((view) => decideReassignments(view, { timeoutMs: 1000, allowReplicationFactorChange: true, topics }));
  }

  private assignDirectory(): void {
    const found = this.partition();
    if (found === undefined) return;
    const brokerId = this.random.pick(BROKERS);
    const id = this.random.pick([DirectoryId.LOST, uuid(`directory-${brokerId}`), uuid(`second-${brokerId}`)]);
    const topicId = this.bench.image.topics.get(found.topic)?.id as string;
    const topics = [{ topicId, partitions: [{ partitionIndex: found.partition.partition }] }];
    const request = { brokerId, brokerEpoch: this.epochOf(brokerId), directories: [{ id, topics }] };
    this.bench.do((view) => decideAssignDirectories(view, request));
  }

  private elect(): void {
    if (this.random.oneIn(2)) {
      this.bench.do(this.random.oneIn(2) ? decidePreferredElections : decideUncleanElections);
      return;
    }
    const request = { electionType: this.random.below(2), topicPartitions: null, timeoutMs: 1000 };
    this.bench.do((view) => decideElectLeaders(view, request));
  }

  private configure(): void {
    const isTopic = this.random.oneIn(2);
    const resource = isTopic
      ? { type: ResourceType.TOPIC, name: this.random.pick(TOPICS) }
      : { type: ResourceType.BROKER, name: "" };
    const operation = {
      configOperation: ConfigOperationType.SET,
      name: "min.insync.replicas",
      value: String(1 + this.random.below(3)),
    };
    this.bench.do((view) =>
      splittable(decideConfigs(view, resource, [operation], { isNew: false, forwarded: true }), undefined),
    );
  }

  private remove(): void {
    const topics = [{ name: this.random.pick(TOPICS), topicId: ZERO_UUID }];
    this.bench.do((view) => decideDeleteTopics(view, { topics, topicNames: [], timeoutMs: 1000 }, 6));
  }

  private unregister(): void {
    const id = this.random.pick(BROKERS);
    this.bench.do((view) => decideUnregister(view, id));
  }
}

/** V15, V18. */
function checkInvariants(image: ClusterImage, before: ClusterImage, hasElr: boolean): void {
  for (const topic of image.topics.values()) {
    for (const partition of topic.partitions) {
      const { replicas, inSyncReplicas, eligibleLeaderReplicas, leader } = partition;
      const name = `${topic.name}-${partition.partition} ${JSON.stringify(partition)}`;
      const isSubset = (ids: readonly number[]) => ids.every((id) => replicas.includes(id));
      const isSet = (ids: readonly number[]) => new Set(ids).size === ids.length;
      expect(replicas.length > 0 && isSet(replicas), `replicas of ${name}`).toBe(true);
      expect(isSubset(inSyncReplicas) && isSet(inSyncReplicas), `ISR of ${name}`).toBe(true);
      expect(isSubset(eligibleLeaderReplicas), `ELR of ${name}`).toBe(true);
      expect(
        inSyncReplicas.some((id) => eligibleLeaderReplicas.includes(id)),
        `ISR and ELR of ${name}`,
      ).toBe(false);
      expect(partition.directories.length, `directories of ${name}`).toBe(replicas.length);
      if (leader >= 0) {
        expect(inSyncReplicas, `leader of ${name}`).toContain(leader);
        const broker = image.brokers.get(leader);
        expect(broker !== undefined && !broker.fenced, `leader of ${name} is there`).toBe(true);
        expect(partition.lastKnownEligibleLeaderReplicas, `last known of ${name}`).toEqual([]);
      }
      if (!hasElr) {
        expect(inSyncReplicas.length > 0, `ISR of ${name}`).toBe(true);
        expect(eligibleLeaderReplicas).toEqual([]);
      }
      if (eligibleLeaderReplicas.length === 0 && inSyncReplicas.length === 0) {
        expect(partition.lastKnownEligibleLeaderReplicas.length, `last known of ${name}`).toBeLessThanOrEqual(1);
      }
      const earlier = before.topicsById.get(topic.id)?.partitions[partition.partition];
      if (earlier === undefined || earlier === partition) continue;
      expect(partition.leaderEpoch, `leader epoch of ${name}`).toBeGreaterThanOrEqual(earlier.leaderEpoch);
      expect(partition.partitionEpoch, `partition epoch of ${name}`).toBeGreaterThanOrEqual(earlier.partitionEpoch);
      if (leader !== earlier.leader) expect(partition.leaderEpoch).toBe(earlier.leaderEpoch + 1);
      // An election among those who have everything: whoever leads now was in sync or eligible, or recovers.
      if (leader >= 0 && leader !== earlier.leader && partition.leaderRecoveryState === 0) {
        expect([...earlier.inSyncReplicas, ...earlier.eligibleLeaderReplicas, ...inSyncReplicas]).toContain(leader);
      }
    }
  }
}

function checkIndexes(state: ControllerState): void {
  const fresh = PartitionIndex.of(state.image);
  for (const id of BROKERS) {
    for (const kind of ["inSync", "eligible", "led"] as const) {
      expect(refs(state.partitions[kind].get(id)), kind).toEqual(refs(fresh[kind].get(id)));
    }
    const directory = uuid(`directory-${id}`);
    expect(refs(state.partitions.inDirectory.get(directory))).toEqual(refs(fresh.inDirectory.get(directory)));
  }
  expect(refs(state.partitions.reassigning)).toEqual(refs(fresh.reassigning));
  expect(refs(state.partitions.leaderless)).toEqual(refs(fresh.leaderless));
  expect(refs(state.partitions.notLedByPreferred)).toEqual(refs(fresh.notLedByPreferred));
}

function refs(partitions: Iterable<{ readonly topicId: string; readonly partition: number }>): string[] {
  return [...partitions].map(({ topicId, partition }) => `${topicId}-${partition}`).sort();
}

function checkReplay({ batches, image }: DecisionBench): void {
  const replayed = new ControllerState(emptyImage(CLUSTER_ID));
  for (const batch of batches) replayed.replay(batch);
  sameImage(replayed.image, image);
  const half = new ControllerState(emptyImage(CLUSTER_ID));
  const middle = Math.floor(batches.length / 2);
  for (const batch of batches.slice(0, middle)) half.replay(batch);
  const bytes = encodeSnapshot({
    leaderEpoch: half.image.leaderEpoch,
    timestamp: 0,
    lastContainedLogTimestamp: 0,
    quorum: [],
    records: imageRecords(half.image),
  });
  const restored = new ControllerState(emptyImage(CLUSTER_ID));
  const { records } = decodeSnapshot(Buffer.concat([...bytes]));
  restored.loadSnapshot(records, half.image.offset + 1, half.image.leaderEpoch);
  sameImage(restored.image, half.image);
  for (const batch of batches.slice(middle)) restored.replay(batch);
  sameImage(restored.image, image);
  checkIndexes(restored);
}

describe.each([
  ["with eligible leader replicas", DEFAULT_FEATURE_LEVELS],
  ["without", WITHOUT_ELR],
])("random clusters %s", (_, features) => {
  test.each(SEEDS)("seed %i", (seed) => {
    const cluster = new RandomCluster(seed, features);
    const { bench } = cluster;
    for (let step = 0; step < STEPS; step++) {
      const before = bench.image;
      cluster.step();
      checkInvariants(bench.image, before, features.has("eligible.leader.replicas.version"));
      if (step % 20 === 0) checkIndexes(bench.state);
    }
    checkIndexes(bench.state);
    checkReplay(bench);
    // It was worth it.
    expect(bench.batches.length).toBeGreaterThan(50);
  });
});
