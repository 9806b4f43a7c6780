/**
 * A thread of a Kafka Streams application, as clients are: it keeps its epoch and its tasks, gives up what it is told to give up, and
 * says so in its next heartbeat.
 */
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import type { StreamsGroupHeartbeat } from "../../../../protocol/messages/streams-group.ts";
import type { Decode, Encode } from "../../../../protocol/schema/message.ts";
import type { GroupWorld } from "../group-world.ts";

export type Request = Partial<Encode<typeof StreamsGroupHeartbeat.request>>;
export type Answer = Decode<typeof StreamsGroupHeartbeat.response>;
export type Topology = NonNullable<Encode<typeof StreamsGroupHeartbeat.request>["topology"]>;
export type Subtopology = Topology["subtopologies"][number];
type TaskIds = { subtopologyId: string; partitions: number[] }[];

export interface StreamsClientOptions {
  readonly groupId?: string;
  readonly processId?: string;
  readonly topology?: Topology;
  readonly userEndpoint?: { readonly host: string; readonly port: number };
  readonly rebalanceTimeoutMs?: number;
}

/** A subtopology that reads these topics and writes nothing, unless more is said. */
export function subtopology(
  subtopologyId: string,
  sourceTopics: string[],
  more: Partial<Subtopology> = {},
): Subtopology {
  return {
    subtopologyId,
    sourceTopics,
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...more,
  };
}

export function topology(...subtopologies: Subtopology[]): Topology {
  return { epoch: 0, subtopologies };
}

/** An internal topic; 0 partitions: as many as are called for. */
export function internalTopic(name: string, partitions = 0) {
  return { name, partitions, replicationFactor: 0, topicConfigs: [] };
}

export const NO_TASK_IDS = { activeTasks: [], standbyTasks: [], warmupTasks: [] };

export class StreamsClient {
  epoch = 0;
  active: TaskIds = [];
  standby: TaskIds = [];
  endpointEpoch = -1;
  readonly world: GroupWorld;
  readonly memberId: string;
  readonly groupId: string;
  private readonly options: StreamsClientOptions;
  /** What it has changed since it last said so. */
  private tells = false;

  constructor(world: GroupWorld, memberId: string, options: StreamsClientOptions = {}) {
    this.world = world;
    this.memberId = memberId;
    this.groupId = options.groupId ?? "g";
    this.options = options;
  }

  /** "0_0 0_1 | 1_0": active tasks, and those it keeps a copy of. */
  get tasks(): string {
    const copies = told(this.standby);
    return copies === "" ? told(this.active) : `${told(this.active)} | ${copies}`;
  }

  join(request: Request = {}): Answer {
    const { topology: own = topology(subtopology("0", ["t1"])), processId, userEndpoint } = this.options;
    this.epoch = 0;
    this.active = [];
    this.standby = [];
    return this.send({
      topology: own,
      processId: processId ?? `process-of-${this.memberId}`,
      rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? 60_000,
      clientTags: [],
      ...(userEndpoint === undefined ? {} : { userEndpoint }),
      ...NO_TASK_IDS,
      ...request,
    });
  }

  /** Says that it is there, and what it has if that changed. */
  heartbeat(request: Request = {}): Answer {
    return this.send({ ...(this.tells ? this.taskIds : {}), ...request });
  }

  get taskIds() {
    return { activeTasks: this.active, standbyTasks: this.standby, warmupTasks: [] };
  }

  leave(request: Request = {}): Answer {
    return this.request({ memberEpoch: -1, ...request });
  }

  private send(request: Request): Answer {
    this.tells = false;
    const answer = this.request({
      memberEpoch: this.epoch,
      endpointInformationEpoch: this.endpointEpoch,
      ...request,
    });
    this.hear(answer);
    return answer;
  }

  /** What it makes of an answer. */
  hear(answer: Answer): void {
    if (answer.errorCode !== ErrorCode.NONE) return;
    this.epoch = answer.memberEpoch;
    this.endpointEpoch = answer.endpointInformationEpoch;
    if (answer.activeTasks === null) return;
    this.active = answer.activeTasks;
    this.standby = answer.standbyTasks ?? [];
    this.tells = true;
  }

  request(request: Request): Answer {
    const { memberId, groupId } = this;
    const { answer } = this.world.streamsHeartbeat({ groupId, memberId, ...request });
    if (answer === undefined) throw new Error("there is no answer yet");
    return answer;
  }
}

function told(tasks: TaskIds): string {
  return tasks.flatMap(({ subtopologyId, partitions }) => partitions.map((p) => `${subtopologyId}_${p}`)).join(" ");
}

/** Heartbeats of all of them, in turn, until nothing changes. */
export function settle(clients: readonly StreamsClient[], rounds = 20): void {
  const [first] = clients;
  for (let round = 0; round < rounds; round++) {
    first?.world.clock.advance(1000);
    const before = clients.map((client) => `${client.epoch} ${client.tasks}`).join();
    for (const client of clients) client.heartbeat();
    const after = clients.map((client) => `${client.epoch} ${client.tasks}`).join();
    if (before === after && round > 2) return;
  }
}
