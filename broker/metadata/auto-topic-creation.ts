/**
 * Topics that come into being because somebody asked for them: by Metadata, or because a coordinator needs its internal topic.
 *
 * Owns: that each is asked for once at a time, and with which settings. The answer to whoever asked does not wait for it.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { ControllerPort, ForwardedFor } from "../ports.ts";
import { InternalTopic, isInternalTopic } from "./internal-topics.ts";
import { TopicRefusals } from "./topic-refusals.ts";

export interface NewTopic {
  readonly name: string;
  /** -1: the controller's default. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly configs: readonly (readonly [name: string, value: string])[];
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
const TOO_MANY = `no more than ${MAX_IN_FLIGHT} topics are created at once`;
/** CreateTopics version: topic ids and effective configs in the answer. */
const CREATE_TOPICS_VERSION = 7;

/** Nobody in particular asks. */
const BROKER_ITSELF: ForwardedFor = {
  principalType: "User",
  principalName: "ANONYMOUS",
  clientId: "",
  clientHost: "127.0.0.1",
};

export class AutoTopicCreation {
  /** Of topics that were asked for with `requestAs`. */
  readonly refusals: TopicRefusals;
  private readonly inFlight = new Set<string>();
  private readonly controller: ControllerPort;
  private readonly settings: InternalTopicSettings;

  private readonly log: Pick<Logger, "warn">;
  /** Told of topics that are too many, until there is room again. */
  private isFull = false;
  /** Why internal topics could not be created, as the log was told last. */
  private readonly toldReasons = new Map<string, string>();

  constructor(
    controller: ControllerPort,
    settings: InternalTopicSettings,
    clock: Pick<Clock, "monotonicMs">,
    log: Pick<Logger, "warn">,
  ) {
    this.controller = controller;
    this.settings = settings;
    this.log = log;
    this.refusals = new TopicRefusals(clock);
  }

  /**
   * Asks the controller for topics that nobody is asking for already; for none but internal ones where they are too many, which the
   * log is told. Failures show at the next request for the topic.
   */
  request(names: readonly string[]): void {
    const topics = this.claim(
      names.map((name) => this.newTopic(name)),
      () => {},
    );
    this.ask(topics, BROKER_ITSELF, (name, reason) => this.refusedToBroker(name, reason));
  }

  /** Without its internal topics a broker serves no group and no transaction: whoever reads the log is told why, once. */
  private refusedToBroker(name: string, reason: string): void {
    if (!isInternalTopic(name) || this.toldReasons.get(name) === reason) return;
    this.toldReasons.set(name, reason);
    this.log.warn({ topic: name, reason }, "an internal topic cannot be created");
  }

  /**
   * Asks for topics on somebody's behalf. What is refused is remembered for so long, and not asked for again meanwhile.
   */
  requestAs(topics: readonly NewTopic[], onBehalfOf: ForwardedFor, rememberMs: number): void {
    const refused = (name: string, reason: string): void => this.refusals.remember(name, reason, rememberMs);
    const claimed = this.claim(
      topics.filter(({ name }) => this.refusals.of(name) === undefined),
      refused,
    );
    this.ask(claimed, onBehalfOf, refused);
  }

  private claim(topics: readonly NewTopic[], refused: (name: string, reason: string) => void): NewTopic[] {
    const wanted = topics.filter(({ name }) => !this.inFlight.has(name));
    const tooMany = this.inFlight.size + wanted.length > MAX_IN_FLIGHT;
    const claimed = tooMany ? wanted.filter(({ name }) => isInternalTopic(name)) : wanted;
    if (claimed.length < wanted.length) this.tooMany(wanted, refused);
    else if (wanted.length > 0) this.isFull = false;
    for (const { name } of claimed) this.inFlight.add(name);
    return claimed;
  }

  private tooMany(wanted: readonly NewTopic[], refused: (name: string, reason: string) => void): void {
    for (const { name } of wanted) if (!isInternalTopic(name)) refused(name, TOO_MANY);
    if (this.isFull) return;
    this.isFull = true;
    this.log.warn({ inFlight: this.inFlight.size, wanted: wanted.length }, `topics are not created: ${TOO_MANY}`);
  }

  private ask(
    topics: readonly NewTopic[],
    onBehalfOf: ForwardedFor,
    refused: (name: string, reason: string) => void = () => {},
  ): void {
    if (topics.length === 0) return;
    const request = {
      topics: topics.map((topic) => ({
        name: topic.name,
        numPartitions: topic.partitionCount,
        replicationFactor: topic.replicationFactor,
        assignments: [],
        configs: topic.configs.map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    };
    const done = (): void => {
      for (const { name } of topics) this.inFlight.delete(name);
    };
    this.controller.forward(CreateTopics, CREATE_TOPICS_VERSION, request, onBehalfOf).then(
      (response) => {
        done();
        for (const { name, errorCode, errorMessage } of response.topics) {
          if (errorCode !== ErrorCode.NONE) refused(name, errorMessage ?? errorName(errorCode) ?? String(errorCode));
        }
      },
      (error: unknown) => {
        done();
        for (const { name } of topics) refused(name, error instanceof Error ? error.message : String(error));
      },
    );
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
          configs: [
            ["cleanup.policy", "compact"],
            ["compression.type", "producer"],
            ["segment.bytes", String(s.offsetsTopicSegmentBytes)],
          ],
        };
      case InternalTopic.TRANSACTION_STATE:
        return {
          name,
          partitionCount: s.transactionStateLogNumPartitions,
          replicationFactor: s.transactionStateLogReplicationFactor,
          configs: [
            ["cleanup.policy", "compact"],
            ["compression.type", "uncompressed"],
            ["min.insync.replicas", String(s.transactionStateLogMinIsr)],
            ["segment.bytes", String(s.transactionStateLogSegmentBytes)],
            ["unclean.leader.election.enable", "false"],
          ],
        };
      case InternalTopic.SHARE_GROUP_STATE:
        return {
          name,
          partitionCount: s.shareStateTopicNumPartitions,
          replicationFactor: s.shareStateTopicReplicationFactor,
          configs: [
            ["cleanup.policy", "delete"],
            ["compression.type", "producer"],
            ["min.insync.replicas", String(s.shareStateTopicMinIsr)],
            ["retention.ms", "-1"],
            ["segment.bytes", String(s.shareStateTopicSegmentBytes)],
          ],
        };
      default:
        return { name, partitionCount: -1, replicationFactor: -1, configs: [] };
    }
  }
}
