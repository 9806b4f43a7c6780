/**
 * Decisions without a log: a controller's memory, made of records, on which a test decides and replays step by step.
 */
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { NodeConfigSchema } from "../../../broker/config/config-schema.ts";
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { BrokerSessions } from "../../../cluster/controller/broker-sessions.ts";
import { decideHeartbeat } from "../../../cluster/controller/brokers/heartbeat.ts";
import { decideRegisterBroker } from "../../../cluster/controller/brokers/register-broker.ts";
import { ControllerState } from "../../../cluster/controller/controller-state.ts";
import type { ControllerView } from "../../../cluster/controller/controller-view.ts";
import type { Decision } from "../../../cluster/controller/decision.ts";
import { decideAlterPartition } from "../../../cluster/controller/replicas/alter-partition.ts";
import { decideCreateTopics } from "../../../cluster/controller/topics/create-topics.ts";
import { featureLevelRecords } from "../../../cluster/metadata/bootstrap-checkpoint.ts";
import { type ClusterImage, emptyImage } from "../../../cluster/metadata/cluster-image.ts";
import { DEFAULT_FEATURE_LEVELS, FEATURES } from "../../../cluster/metadata/features.ts";
import type { MetadataBatch } from "../../../cluster/metadata/metadata-batch.ts";
import { type MetadataRecord, record } from "../../../cluster/metadata/metadata-record.ts";
import { uuidFromRandomBytes } from "../../../protocol/uuid.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

export const CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const LEADER_EPOCH = 1;

/** A uuid of its own for each text. */
export function uuid(text: string): string {
  const bytes = Buffer.alloc(16, text.padEnd(16, "."));
  const id = uuidFromRandomBytes(bytes);
  if (id === undefined) throw new Error(`no uuid from ${text}`);
  return id;
}

export interface BenchOptions {
  readonly features?: ReadonlyMap<string, number>;
  /** Static configs of the controller's node. */
  readonly configs?: Readonly<Record<string, string>>;
}

export class DecisionBench {
  readonly state = new ControllerState(emptyImage(CLUSTER_ID));
  readonly sessions: BrokerSessions;
  readonly random = new SeededRandom(1);
  readonly batches: MetadataBatch[] = [];
  nowMs = 1_000_000;
  private readonly layers: BrokerConfigLayers;

  constructor({ features = DEFAULT_FEATURE_LEVELS, configs = {} }: BenchOptions = {}) {
    this.layers = new BrokerConfigLayers(new Map(Object.entries(configs)));
    this.sessions = new BrokerSessions(this.layers.settings.brokerSessionTimeoutMs);
    this.replay([
      ...featureLevelRecords(features),
      ...(features.has("eligible.leader.replicas.version")
        ? [record("Config", 0, { resourceType: 4, resourceName: "", name: "min.insync.replicas", value: "1" })]
        : []),
    ]);
  }

  get image(): ClusterImage {
    return this.state.image;
  }

  get nextOffset(): number {
    return (this.batches.at(-1)?.lastOffset ?? -1) + 1;
  }

  get view(): ControllerView {
    return {
      image: this.state.image,
      partitions: this.state.partitions,
      topicNames: this.state.topicNames,
      registrationOffsets: this.state.registrationOffsets,
      sessions: this.sessions,
      settings: this.layers.settings,
      configs: new NodeConfigSchema(this.layers),
      nodeId: 100,
      kraftVersion: 0,
      nextOffset: this.nextOffset,
      nowMs: this.nowMs,
    };
  }

  replay(records: readonly MetadataRecord[]): void {
    if (records.length === 0) return;
    const baseOffset = this.nextOffset;
    const batch: MetadataBatch = {
      baseOffset,
      lastOffset: baseOffset + records.length - 1,
      leaderEpoch: LEADER_EPOCH,
      timestamp: 0,
      sizeBytes: 0,
      records,
      controls: [],
    };
    this.batches.push(batch);
    this.state.replay(batch);
  }

  /** Decides, replays, and gives the response. */
  do<R>(decide: (view: ControllerView) => Decision<R>): R {
    const decision = decide(this.view);
    this.replay(decision.records);
    this.sessions.apply(decision.sessions, this.nowMs, this.nextOffset);
    return decision.response;
  }

  /** A registration request such as a broker of 4.3.1 sends. */
  registration(brokerId: number, changes: Partial<RegistrationRequest> = {}): RegistrationRequest {
    return {
      brokerId,
      clusterId: CLUSTER_ID,
      incarnationId: uuid(`incarnation-${brokerId}`),
      listeners: [{ name: "PLAINTEXT", host: "127.0.0.1", port: 9000 + brokerId, securityProtocol: 0 }],
      features: FEATURES.map(({ name, min, max }) => ({ name, minSupportedVersion: min, maxSupportedVersion: max })),
      rack: null,
      isMigratingZkBroker: false,
      logDirs: [uuid(`directory-${brokerId}`)],
      previousBrokerEpoch: -1,
      ...changes,
    };
  }

  /** Registers a broker; gives its epoch. */
  register(brokerId: number, changes: Partial<RegistrationRequest> = {}): number {
    return this.do((view) => decideRegisterBroker(view, this.registration(brokerId, changes), 4)).brokerEpoch;
  }

  heartbeat(brokerId: number, changes: Partial<HeartbeatRequest> = {}) {
    return this.do((view) =>
      decideHeartbeat(view, {
        brokerId,
        brokerEpoch: this.image.brokers.get(brokerId)?.brokerEpoch ?? -1,
        currentMetadataOffset: this.image.offset,
        wantFence: false,
        wantShutDown: false,
        offlineLogDirs: [],
        cordonedLogDirs: null,
        ...changes,
      }),
    );
  }

  /** Registers and unfences brokers. */
  start(...brokerIds: number[]): void {
    for (const id of brokerIds) {
      this.register(id);
      this.heartbeat(id);
    }
  }

  /** A topic with one partition per list of replicas. */
  createTopic(name: string, assignments: readonly (readonly number[])[], configs: Record<string, string> = {}): string {
    const { topics } = this.do((view) =>
      decideCreateTopics(
        view,
        {
          topics: [
            {
              name,
              numPartitions: -1,
              replicationFactor: -1,
              assignments: assignments.map((brokerIds, partitionIndex) => ({
                partitionIndex,
                brokerIds: [...brokerIds],
              })),
              configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
            },
          ],
          timeoutMs: 1000,
          validateOnly: false,
        },
        this.random,
      ),
    );
    const answer = topics[0];
    if (answer?.errorCode !== 0) throw new Error(`${name}: ${answer?.errorCode} ${answer?.errorMessage}`);
    return answer.topicId as string;
  }

  partition(topic: string, index = 0): PartitionImage {
    const partition = this.image.topics.get(topic)?.partitions[index];
    if (partition === undefined) throw new Error(`no partition ${topic}-${index}`);
    return partition;
  }

  /** The leader proposes an ISR; gives what the controller answers for the partition. */
  propose(topic: string, inSyncReplicas: readonly number[], changes: Partial<ProposalOptions> = {}) {
    const partition = this.partition(topic, changes.partition);
    const { leader = partition.leader, apiVersion = 3 } = changes;
    const response = this.do((view) =>
      decideAlterPartition(
        view,
        {
          brokerId: leader,
          brokerEpoch: changes.brokerEpoch ?? this.image.brokers.get(leader)?.brokerEpoch ?? -1,
          topics: [
            {
              topicId: changes.topicId ?? this.image.topics.get(topic)?.id ?? "",
              partitions: [
                {
                  partitionIndex: partition.partition,
                  leaderEpoch: changes.leaderEpoch ?? partition.leaderEpoch,
                  partitionEpoch: changes.partitionEpoch ?? partition.partitionEpoch,
                  leaderRecoveryState: changes.leaderRecoveryState ?? 0,
                  newIsr: [...inSyncReplicas],
                  newIsrWithEpochs: inSyncReplicas.map((brokerId) => ({
                    brokerId,
                    brokerEpoch:
                      changes.memberEpochs?.get(brokerId) ?? this.image.brokers.get(brokerId)?.brokerEpoch ?? -1,
                  })),
                },
              ],
            },
          ],
        },
        apiVersion,
      ),
    );
    const answer = response.topics[0]?.partitions[0];
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }
}

type RegistrationRequest = Parameters<typeof decideRegisterBroker>[1];
type HeartbeatRequest = Parameters<typeof decideHeartbeat>[1];

interface ProposalOptions {
  readonly partition: number;
  readonly leader: number;
  readonly brokerEpoch: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly leaderRecoveryState: number;
  readonly topicId: string;
  readonly memberEpochs: ReadonlyMap<number, number>;
  readonly apiVersion: number;
}
