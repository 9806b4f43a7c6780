/** Which replicas a broker holds, as the metadata comes, and what becomes of them when logs fail. */
import { describe, expect, test } from "vitest";
import { Later } from "../../../broker/dispatch/answer.ts";
import {
  type MetadataDelta,
  type MetadataImage,
  ResourceType,
  type TopicImage,
} from "../../../broker/metadata/metadata-image.ts";
import { type PartitionChange, PartitionTable } from "../../../broker/partition/partition-table.ts";
import { WakeQueue } from "../../../broker/partition/watch-list.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { createPartitionLog } from "../../../storage/log/open-partition-log.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG } from "../../../storage/log-config.ts";
import { surroundings } from "../../storage/log/log-fixture.ts";
import { brokerImage, type PartitionOptions, partitionImage } from "../../support/fixed-broker.ts";

const FIRST_ID = "dG9waWMtaWQtbnVtYmVyMQ";
const SECOND_ID = "dG9waWMtaWQtbnVtYmVyMg";
const ADDRESS = { host: "127.0.0.1", port: 1 };

function topic(id: string, partitions: readonly PartitionOptions[], name = "t"): TopicImage {
  return {
    name,
    id,
    partitions: partitions.map((options, index) => partitionImage(index, options.replicas ?? [1], options)),
  };
}

class World {
  readonly around = surroundings();
  readonly logs: SegmentedLog[] = [];
  readonly removed: string[] = [];
  /** Set: no log can be made. */
  full = false;
  minInSyncReplicas = 1;
  readonly told: PartitionChange[] = [];
  readonly table: PartitionTable;
  image: MetadataImage = imageOf([], new Map());

  constructor() {
    const shared = {
      ...{
        nodeId: 1,
        clock: this.around.clock,
        waking: new WakeQueue(),
        followerWaking: new WakeQueue(),
        replicaLagTimeMaxMs: 30_000,
      },
      isr: { alterPartition: () => new Later<never>() },
      eligibility: { isEligible: () => true },
      brokerEpoch: () => 1,
    };
    const store = {
      obtain: (name: string, partition: number, topicId: string) => {
        if (this.full) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
        return this.newLog(name, partition, topicId);
      },
      remove: (name: string, partition: number, topicId: string) =>
        this.removed.push(`${name}-${partition} ${topicId}`),
    };
    this.table = new PartitionTable(shared, store, () => this.minInSyncReplicas);
    this.table.onChange((changes) => this.told.push(...changes));
  }

  newLog(name: string, partition: number, topicId: string): SegmentedLog {
    const log = createPartitionLog(this.around, {
      ...{ path: `/data/${this.logs.length}`, topic: name, partition, topicId, directoryId: "d", cleanShutdown: true },
      ...{ config: DEFAULT_LOG_CONFIG, recoveryPoint: 0, logStartOffset: 0, highWatermark: 0 },
    });
    this.logs.push(log);
    return log;
  }

  apply(
    topics: readonly TopicImage[],
    change: Partial<MetadataDelta> & { readonly brokerEpochs?: Map<number, number> } = {},
  ): void {
    const previous = this.image;
    const { brokerEpochs = new Map([[2, 1]]), ...rest } = change;
    this.image = imageOf(topics, brokerEpochs);
    const ids = new Set([...previous.topicsById.keys(), ...this.image.topicsById.keys()]);
    this.table.apply({
      ...{
        image: this.image,
        previous,
        changedTopicIds: ids,
        changedConfigs: [],
        changedBrokers: new Set(),
        changedFeatures: false,
      },
      deletedTopicIds: new Set([...ids].filter((id) => !this.image.topicsById.has(id))),
      ...rest,
    });
  }

  codeOf(index: number, name = "t"): ErrorCode | undefined {
    try {
      this.table.require(name, index, this.image).requireLeader();
      return undefined;
    } catch (error) {
      if (error instanceof KafkaError) return error.code;
      throw error;
    }
  }
}

function imageOf(topics: readonly TopicImage[], brokerEpochs: ReadonlyMap<number, number>): MetadataImage {
  const brokers = [...brokerEpochs].map(([id, brokerEpoch]) => ({ ...brokerImage(id, ADDRESS), brokerEpoch }));
  return {
    ...{ offset: 0, leaderEpoch: 0, clusterId: "c", features: new Map(), nextProducerId: 0, clientQuotas: new Map() },
    scramCredentials: new Map(),
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    topics: new Map(topics.map((one) => [one.name, one])),
    topicsById: new Map(topics.map((one) => [one.id, one])),
    configsOf: () => new Map(),
    resourcesWithConfigs: () => [],
  };
}

describe("who is here", () => {
  test("partitions assigned to this broker, each with its error where it is not", () => {
    const world = new World();
    world.apply([topic(FIRST_ID, [{}, { replicas: [2, 3] }, { replicas: [2, 1] }])]);
    expect([0, 1, 2, 3, -1].map((index) => world.codeOf(index))).toEqual([
      undefined,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect(world.codeOf(0, "other")).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect([...world.table.all()].map(({ index }) => index)).toEqual([0, 2]);
    expect(world.told.map(({ partition, before, now }) => [partition.index, before, now?.leader])).toEqual([
      [0, undefined, 1],
      [2, undefined, 2],
    ]);
    expect(world.table.getById(FIRST_ID, 2)).toBe(world.table.get("t", 2));
  });

  test("only what changed is told", () => {
    const world = new World();
    const first = topic(FIRST_ID, [{ replicas: [1, 2] }, { replicas: [1, 2] }]);
    world.apply([first]);
    world.told.length = 0;
    const [zero, one] = first.partitions;
    if (zero === undefined || one === undefined) throw new Error("two partitions");
    world.apply([{ ...first, partitions: [zero, { ...one, inSyncReplicas: [1], partitionEpoch: 1 }] }]);
    expect(world.told).toMatchObject([
      { before: { partitionEpoch: 0 }, now: { partitionEpoch: 1, inSyncReplicas: [1] } },
    ]);
  });

  test("R47: a topic that is made anew under its name gets new logs; the old ones go", () => {
    const world = new World();
    world.apply([topic(FIRST_ID, [{}, {}])]);
    const old = world.table.get("t", 0);
    world.told.length = 0;
    world.apply([topic(SECOND_ID, [{}])]);
    expect(world.removed).toEqual([`t-0 ${FIRST_ID}`, `t-1 ${FIRST_ID}`]);
    expect(world.table.get("t", 0)?.topicId).toBe(SECOND_ID);
    expect([world.table.get("t", 1), world.table.getById(FIRST_ID, 0)]).toEqual([undefined, undefined]);
    expect(world.told.map(({ partition, now }) => [partition.topicId, partition.index, now !== undefined])).toEqual([
      [FIRST_ID, 0, false],
      [FIRST_ID, 1, false],
      [SECOND_ID, 0, true],
    ]);
    expect(old?.reasonNotLeading).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("a replica that is moved away", () => {
    const world = new World();
    world.apply([topic(FIRST_ID, [{ replicas: [1, 2] }, {}])]);
    const old = world.table.get("t", 0);
    world.apply([topic(FIRST_ID, [{ replicas: [2, 3], partitionEpoch: 1 }, {}])]);
    expect([world.codeOf(0), world.codeOf(1), world.removed]).toEqual([
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      undefined,
      [`t-0 ${FIRST_ID}`],
    ]);
    expect(old?.reasonNotLeading).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    world.apply([topic(FIRST_ID, [{ replicas: [2, 1], partitionEpoch: 2 }, {}])]);
    expect(world.table.get("t", 0)).not.toBe(old);
  });
});

describe("settings and brokers", () => {
  test("R163: min.insync.replicas acts at once, of one topic or of all", () => {
    const world = new World();
    world.minInSyncReplicas = 2;
    const topics = [topic(FIRST_ID, [{ replicas: [1, 2], inSyncReplicas: [1] }]), topic(SECOND_ID, [{}], "u")];
    world.apply(topics);
    const partition = world.table.get("t", 0);
    expect(partition?.minInSyncReplicas).toBe(2);
    for (const changedConfigs of [
      [{ type: ResourceType.TOPIC, name: "t" }],
      [{ type: ResourceType.BROKER, name: "" }],
      [{ type: ResourceType.TOPIC, name: "gone" }],
    ]) {
      world.minInSyncReplicas++;
      world.apply(topics, { changedConfigs });
    }
    expect([partition?.minInSyncReplicas, world.table.get("u", 0)?.minInSyncReplicas]).toEqual([4, 4]);
  });

  test("R38: a broker that came back as another incarnation has to show up first", () => {
    const world = new World();
    const topics = [topic(FIRST_ID, [{ replicas: [1, 2] }])];
    world.apply(topics);
    const partition = world.table.get("t", 0);
    partition?.followerFetched(2, 0, 0, 1);
    world.apply(topics, { changedBrokers: new Set([2]) }); // fenced, say: the same incarnation
    expect(partition?.leader?.follower(2)?.logEndOffset).toBe(0);
    world.apply(topics, { changedBrokers: new Set([2]), brokerEpochs: new Map([[2, 9]]) });
    expect(partition?.leader?.follower(2)?.logEndOffset).toBe(-1);
  });
});

describe("R82, R170: logs that fail", () => {
  test("a log that cannot be made is a storage error until it can", () => {
    const world = new World();
    world.full = true;
    const assigned = topic(FIRST_ID, [{}]);
    world.apply([assigned]);
    expect([world.codeOf(0), world.told.length]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
    world.full = false;
    world.apply([topic(FIRST_ID, [{ partitionEpoch: 1 }])]);
    expect(world.codeOf(0)).toBeUndefined();
    world.full = true;
    world.apply([topic(SECOND_ID, [{}])]);
    world.apply([topic(SECOND_ID, [{ replicas: [2], partitionEpoch: 1 }])]);
    expect(world.codeOf(0)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test("R82: a log that could not be made is asked for again, and whoever listens is told of its partition", () => {
    const world = new World();
    world.full = true;
    world.apply([topic(FIRST_ID, [{}])]);
    expect([world.table.isMissing(FIRST_ID, 0), world.table.obtainMissing(world.image)]).toEqual([true, []]);
    world.full = false;
    const [partition] = world.table.obtainMissing(world.image);
    expect(world.codeOf(0)).toBeUndefined();
    expect(world.told).toMatchObject([{ partition, before: undefined, now: { leader: 1 } }]);
    expect([world.table.isMissing(FIRST_ID, 0), world.table.obtainMissing(world.image)]).toEqual([false, []]);
  });

  test("a log that goes offline takes the leadership with it, and whoever listens is told", () => {
    const world = new World();
    world.apply([topic(FIRST_ID, [{}])]);
    world.told.length = 0;
    const [log] = world.logs;
    if (log === undefined) throw new Error("no log");
    log.abandon();
    world.table.logOffline(log, world.image);
    const partition = world.table.get("t", 0);
    expect([world.codeOf(0), partition?.isLeader]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, false]);
    expect(world.told).toMatchObject([{ partition, now: { leader: 1 } }]);
    world.table.logOffline(world.newLog("t", 0, FIRST_ID), world.image); // not the one that is used
    expect(world.told).toHaveLength(1);
  });

  test("a log that is opened again leads again as the metadata says", () => {
    const world = new World();
    world.apply([topic(FIRST_ID, [{ leaderEpoch: 3 }])]);
    const [log] = world.logs;
    const old = world.table.get("t", 0);
    if (log === undefined || old === undefined) throw new Error("no log");
    log.abandon();
    world.table.logOffline(log, world.image);
    world.told.length = 0;
    const again = world.newLog("t", 0, FIRST_ID);
    world.table.logReopened(again, world.image);
    expect(world.codeOf(0)).toBeUndefined();
    expect(world.table.get("t", 0)).toMatchObject({ log: again, isLeader: true });
    expect(world.told.map(({ partition, now }) => [partition === old, now?.leaderEpoch])).toEqual([
      [true, undefined],
      [false, 3],
    ]);
    expect(world.removed).toEqual([]);
    world.apply([]);
    world.table.logReopened(world.newLog("t", 0, FIRST_ID), world.image); // deleted meanwhile
    expect(world.table.get("t", 0)).toBeUndefined();
  });
});
