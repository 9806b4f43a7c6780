/**
 * Topics that come into being because somebody asked for them: by Metadata, or because a coordinator needs its internal topic.
 *
 * Owns: that each is asked for once at a time, and with which settings. The answer to whoever asked does not wait for it.
 */
import { CreateTopics } from "../../protocol/messages/topics.ts";
import type { ControllerPort } from "../ports.ts";
import { InternalTopic, isInternalTopic } from "./internal-topics.ts";

export interface NewTopic {
  readonly name: string;
  /** -1: the controller's default. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** Settings of the internal topics; Kafka's names in broker/config. */
export interface InternalTopicSettings {
  readonly offsetsTopicNumPartitions: number;
  readonly offsetsTopicReplicationFactor: number;
  readonly offsetsTopicSegmentBytes: number;
  readonly transactionStateLogNumPartitions: number;
  readonly transactionStateLogReplicationFactor: number;
  readonly transactionStateLogMinIsr: number;
  readonly transactionStateLogSegmentBytes: number;
  readonly shareStateTopicNumPartitions: number;
  readonly shareStateTopicReplicationFactor: number;
  readonly shareStateTopicMinIsr: number;
  readonly shareStateTopicSegmentBytes: number;
}

const TIMEOUT_MS = 30_000;
/** Under way at once. The controller refuses more in one request, all of them together. */
const MAX_IN_FLIGHT = 10_000;
/** CreateTopics version: topic ids and effective configs in the answer. */
const CREATE_TOPICS_VERSION = 7;

export class AutoTopicCreation {
  private readonly inFlight = new Set<string>();
  private readonly controller: ControllerPort;
  private readonly settings: InternalTopicSettings;

  constructor(controller: ControllerPort, settings: InternalTopicSettings) {
    this.controller = controller;
    this.settings = settings;
  }

  /**
   * Asks the controller for topics that nobody is asking for already; for none but internal ones where they are too many.
   * Failures show at the next request for the topic.
   */
  request(names: readonly string[]): void {
    let wanted = names.filter((name) => !this.inFlight.has(name));
    if (this.inFlight.size + wanted.length > MAX_IN_FLIGHT) wanted = wanted.filter(isInternalTopic);
    if (wanted.length === 0) return;
    for (const name of wanted) this.inFlight.add(name);
    const done = (): void => {
      for (const name of wanted) this.inFlight.delete(name);
    };
    const topics = wanted.map((name) => this.newTopic(name));
    const request = {
      topics: topics.map((topic) => ({
        name: topic.name,
        numPartitions: topic.partitionCount,
        replicationFactor: topic.replicationFactor,
        assignments: [],
        configs: Object.entries(topic.configs).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    };
    this.controller
      .forward(CreateTopics, CREATE_TOPICS_VERSION, request, {
        principalType: "User",
        principalName: "ANONYMOUS",
        clientId: "",
        clientHost: "127.0.0.1",
      })
      .then(done, done);
  }

  /** A topic with the settings it has when nobody says otherwise. */
  newTopic(name: string): NewTopic {
    const s = this.settings;
    switch (name) {
      case InternalTopic.CONSUMER_OFFSETS:
        return {
          name,
          partitionCount: s.offsetsTopicNumPartitions,
          replicationFactor: s.offsetsTopicReplicationFactor,
          configs: {
            "cleanup.policy": "compact",
            "compression.type": "producer",
            "segment.bytes": String(s.offsetsTopicSegmentBytes),
          },
        };
      case InternalTopic.TRANSACTION_STATE:
        return {
          name,
          partitionCount: s.transactionStateLogNumPartitions,
          replicationFactor: s.transactionStateLogReplicationFactor,
          configs: {
            "cleanup.policy": "compact",
            "compression.type": "uncompressed",
            "min.insync.replicas": String(s.transactionStateLogMinIsr),
            "segment.bytes": String(s.transactionStateLogSegmentBytes),
            "unclean.leader.election.enable": "false",
          },
        };
      case InternalTopic.SHARE_GROUP_STATE:
        return {
          name,
          partitionCount: s.shareStateTopicNumPartitions,
          replicationFactor: s.shareStateTopicReplicationFactor,
          configs: {
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "min.insync.replicas": String(s.shareStateTopicMinIsr),
            "retention.ms": "-1",
            "segment.bytes": String(s.shareStateTopicSegmentBytes),
          },
        };
      default:
        return { name, partitionCount: -1, replicationFactor: -1, configs: {} };
    }
  }
}
