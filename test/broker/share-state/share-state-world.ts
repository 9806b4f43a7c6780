/**
 * A share coordinator on a log in memory, asked through the real handlers: requests and responses pass through the bytes of their
 * version.
 */
import type { Broker } from "../../../broker/broker.ts";
import { Later } from "../../../broker/dispatch/answer.ts";
import type { Handler } from "../../../broker/dispatch/handler.ts";
import {
  handleDeleteShareGroupState,
  handleInitializeShareGroupState,
  handleReadShareGroupState,
  handleReadShareGroupStateSummary,
  handleWriteShareGroupState,
} from "../../../broker/handlers/share-state.ts";
import type { MetadataImage, TopicImage } from "../../../broker/metadata/metadata-image.ts";
import { ShareCoordinator } from "../../../broker/share-state/share-coordinator.ts";
import {
  DEFAULT_SHARE_COORDINATOR_SETTINGS,
  type ShareCoordinatorSettings,
} from "../../../broker/share-state/share-coordinator-settings.ts";
import { SHARE_STATE_RECORD_TYPES } from "../../../broker/share-state/stored-state.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../../protocol/messages/share-state.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { clusterImage, topicImage } from "../groups/group-world.ts";
import { MemoryCoordinatorLog } from "../state-machine/memory-coordinator-log.ts";

export const STATE_TOPIC = "__share_group_state";
export const T1 = { name: "t1", id: "AAAAAAAAAAAAAAAAAAAA_Q" };

export function stateImage(...topics: readonly TopicImage[]): MetadataImage {
  return clusterImage([topicImage(STATE_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1), ...topics]);
}

/** What a partition is answered; undefined while it is on its way. */
export interface Answered<R> {
  result: R | undefined;
}

export class ShareStateWorld {
  readonly clock = new ManualClock();
  readonly log = new MemoryCoordinatorLog();
  readonly settings: ShareCoordinatorSettings;
  image = stateImage(topicImage(T1.name, T1.id, 4));
  coordinator: ShareCoordinator;
  leaderEpoch = 0;

  private constructor(settings: Partial<ShareCoordinatorSettings>) {
    this.settings = { ...DEFAULT_SHARE_COORDINATOR_SETTINGS, ...settings };
    this.coordinator = this.newCoordinator();
  }

  static async start(settings: Partial<ShareCoordinatorSettings> = {}): Promise<ShareStateWorld> {
    const world = new ShareStateWorld(settings);
    await world.lead();
    return world;
  }

  private newCoordinator(): ShareCoordinator {
    const { clock, settings } = this;
    return new ShareCoordinator({ clock, logger: SILENT_LOGGER, settings, image: () => this.image });
  }

  async lead(): Promise<void> {
    this.coordinator.lead(0, ++this.leaderEpoch, this.log);
    for (let turn = 0; turn < 1000 && this.coordinator.shard(0)?.active !== true; turn++) {
      await Promise.resolve();
      this.clock.poll();
    }
    this.clock.advance(0);
  }

  /** The coordinator moves: another broker loads the same log. */
  async failOver(): Promise<void> {
    this.coordinator.close();
    this.coordinator = this.newCoordinator();
    await this.lead();
  }

  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    handler: Handler<Api<Req, Res>>,
    request: Encode<Req>,
    apiVersion = api.versions.max,
  ): Answered<Decode<Res>> {
    const sent = decode(api.request, apiVersion, encodeToBuffer(api.request, apiVersion, request));
    const broker = { shareCoordinator: this.coordinator } as unknown as Broker;
    const answered: Answered<Decode<Res>> = { result: undefined };
    const received = (answer: Encode<Res>): void => {
      answered.result = decode(api.response, apiVersion, encodeToBuffer(api.response, apiVersion, answer));
    };
    const answer = handler(sent, { broker, apiVersion } as never);
    if (answer instanceof Later) answer.onComplete((value) => received(value as Encode<Res>));
    else received(answer as Encode<Res>);
    return answered;
  }

  initialize(stateEpoch: number, startOffset: number, partition = 0, topicId = T1.id, groupId = "g") {
    const topics = [{ topicId, partitions: [{ partition, stateEpoch, startOffset }] }];
    return only(this.send(InitializeShareGroupState, handleInitializeShareGroupState, { groupId, topics }));
  }

  read(leaderEpoch: number, partition = 0, topicId = T1.id) {
    const topics = [{ topicId, partitions: [{ partition, leaderEpoch }] }];
    return only(this.send(ReadShareGroupState, handleReadShareGroupState, { groupId: "g", topics }));
  }

  write(change: Partial<Change>, partition = 0, topicId = T1.id) {
    const whole = {
      stateEpoch: 0,
      leaderEpoch: 0,
      startOffset: -1,
      deliveryCompleteCount: 0,
      stateBatches: [],
      ...change,
    };
    const topics = [{ topicId, partitions: [{ partition, ...whole }] }];
    return only(this.send(WriteShareGroupState, handleWriteShareGroupState, { groupId: "g", topics }));
  }

  delete(partition = 0, topicId = T1.id) {
    const topics = [{ topicId, partitions: [{ partition }] }];
    return only(this.send(DeleteShareGroupState, handleDeleteShareGroupState, { groupId: "g", topics }));
  }

  summary(partition = 0, topicId = T1.id) {
    const topics = [{ topicId, partitions: [{ partition, leaderEpoch: -1 }] }];
    return only(this.send(ReadShareGroupStateSummary, handleReadShareGroupStateSummary, { groupId: "g", topics }));
  }

  /** What is in the log, as `Name(value fields)`, from its start on. */
  records(): { readonly name: string; readonly value: RecordValue | null }[] {
    return [...this.log.records()]
      .filter(({ offset }) => offset >= this.log.logStartOffset)
      .map(({ key, value }) => {
        const record = SHARE_STATE_RECORD_TYPES.decode(key as Buffer, value);
        return { name: record?.type.value.name ?? "?", value: record?.value as RecordValue | null };
      });
  }
}

interface RecordValue {
  readonly snapshotEpoch: number;
}

export interface Change {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: { firstOffset: number; lastOffset: number; deliveryState: number; deliveryCount: number }[];
}

function only<P>(answered: Answered<{ results: { partitions: P[] }[] }>): P | undefined {
  return answered.result?.results[0]?.partitions[0];
}

export function batch(firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount: number) {
  return { firstOffset, lastOffset, deliveryState, deliveryCount };
}
