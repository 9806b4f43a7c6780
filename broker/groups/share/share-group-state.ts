/**
 * What the group coordinator has the keeper of share partitions' state do: begin, start elsewhere, forget, tell.
 *
 * Owns: the order of the steps: what the group's record says first, then what the keeper does, then what comes of it. A coordinator
 * that moves in between leaves records from which the next one goes on. Leaves to the decisions: what is right; to SharePersister:
 * where the state is.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { Later } from "../../dispatch/answer.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import type { PersisterResult, SharePersister, ShareStateSummary } from "../../share-state/share-persister.ts";
import { coordinatorError } from "../../state-machine/coordinator-error.ts";
import { gather, Reply } from "../../state-machine/reply.ts";
import type { GroupCoordinator } from "../group-coordinator.ts";
import type { InitializedPartition, InitializeEffect } from "../group-decision.ts";
import { decideInitialized } from "./initialization.ts";
import {
  type Alteration,
  type Deletion,
  decideAlterOffsets,
  decideDeleteGroup,
  decideDeleteOffsets,
  decideOffsetsDeleted,
  type TopicOutcome,
  type TopicToAlter,
  type TopicToForget,
} from "./offset-decisions.ts";
import type { KeptTopic, KeptTopics } from "./share-partitions.ts";

export interface ShareGroupStateOptions {
  readonly persister: SharePersister;
  readonly image: () => MetadataImage;
}

type Coordinator = Pick<GroupCoordinator, "write">;

/** The group as a whole is refused. */
export interface Refused {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export interface Altered extends Refused {
  readonly topics: readonly TopicOutcome[];
}

export interface TopicForgotten extends Refused {
  readonly topicName: string;
  readonly topicId: string;
}

export interface Forgotten extends Refused {
  readonly topics: readonly TopicForgotten[];
}

/** Where a share partition starts. */
export interface ToldState extends ShareStateSummary {
  readonly topicId: string;
  readonly partition: number;
}

const NONE: Refused = { errorCode: ErrorCode.NONE, errorMessage: null };
const NOBODY_KNOWS = -1;
/** Share partitions that are begun together: a turn of the loop stays short. */
const MAX_AT_ONCE = 500;

export class ShareGroupState {
  private readonly coordinator: Coordinator;
  private readonly options: ShareGroupStateOptions;

  constructor(coordinator: Coordinator, options: ShareGroupStateOptions) {
    this.coordinator = coordinator;
    this.options = options;
  }

  /** Has share partitions begun, and notes which are; what failed is begun again with a later heartbeat. */
  initialize(effect: InitializeEffect): Later<readonly PersisterResult[]> {
    const { groupId, partitions } = effect;
    const answer = new Later<readonly PersisterResult[]>();
    this.begin(effect, [], (results) => {
      const [done, failed] = [true, false].map((wanted) =>
        topicsOf(partitions.filter((_, index) => (results[index]?.errorCode === ErrorCode.NONE) === wanted)),
      ) as [KeptTopics, KeptTopics];
      if (results.length === 0) {
        answer.complete(results);
        return;
      }
      const reply = new Reply<true | Refused>(refused);
      this.coordinator.write(groupId, reply, (machine) => decideInitialized(machine.groups.get(groupId), done, failed));
      // What is not noted would be begun anew, elsewhere than whoever set it was told.
      whenDone(reply.later, (noted) => {
        answer.complete(noted === true ? results : results.map((it) => (it.errorCode === ErrorCode.NONE ? noted : it)));
      });
    });
    return answer;
  }

  /** So many at a time: a topic may have very many partitions. */
  private begin(
    effect: InitializeEffect,
    begun: readonly PersisterResult[],
    done: (results: readonly PersisterResult[]) => void,
  ): void {
    const { groupId, stateEpoch, partitions } = effect;
    const next = partitions.slice(begun.length, begun.length + MAX_AT_ONCE);
    if (next.length === 0) {
      done(begun);
      return;
    }
    const { persister } = this.options;
    const asked = next.map(({ topicId, partition, startOffset }) => {
      return persister.initialize({ groupId, topicId, partition }, { stateEpoch, startOffset });
    });
    whenDone(
      gather(asked, (results) => [...begun, ...results]),
      (results) => this.begin(effect, results, done),
    );
  }

  /** Has share partitions of an empty group start elsewhere. */
  alter(groupId: string, topics: readonly TopicToAlter[]): Later<Altered> {
    const { image } = this.options;
    const answer = new Later<Altered>();
    const reply = new Reply<Alteration | Refused>(refused);
    this.coordinator.write(groupId, reply, (machine) =>
      decideAlterOffsets(machine.groups.get(groupId), groupId, topics, image(), machine.nowMs),
    );
    whenDone(reply.later, (alteration) => {
      if ("errorCode" in alteration) answer.complete({ ...alteration, topics: [] });
      else whenDone(this.initialize(alteration.order), (results) => answer.complete(altered(alteration, results)));
    });
    return answer;
  }

  /** Forgets share partitions of an empty group. */
  forget(groupId: string, topicNames: readonly string[]): Later<Forgotten> {
    const { image } = this.options;
    const answer = new Later<Forgotten>();
    const reply = new Reply<Deletion | Refused>(refused);
    this.coordinator.write(groupId, reply, (machine) =>
      decideDeleteOffsets(machine.groups.get(groupId), groupId, topicNames, image()),
    );
    whenDone(reply.later, (deletion) => {
      if ("errorCode" in deletion) answer.complete({ ...deletion, topics: [] });
      else this.forgetTopics(groupId, deletion, answer);
    });
    return answer;
  }

  private forgetTopics(groupId: string, { refused: unknown, topics }: Deletion, answer: Later<Forgotten>): void {
    const notThere = unknown.map(({ topicName, errorMessage }): TopicForgotten => {
      return { topicName, topicId: ZERO_UUID, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
    });
    whenDone(this.deleteStates(groupId, topics), (results) => {
      const outcomes = topics.map(({ topicId, topicName }, index): TopicForgotten => {
        return { topicName, topicId, ...(results[index] as Refused) };
      });
      const gone = outcomes.filter(({ errorCode }) => errorCode === ErrorCode.NONE).map(({ topicId }) => topicId);
      const reply = new Reply<true | Refused>(refused);
      this.coordinator.write(groupId, reply, (machine) =>
        decideOffsetsDeleted(machine.groups.get(groupId), new Set(gone)),
      );
      whenDone(reply.later, (noted) => {
        answer.complete(noted === true ? { ...NONE, topics: [...notThere, ...outcomes] } : { ...noted, topics: [] });
      });
    });
  }

  /** Forgets everything of a group that is to be deleted: NONE, or why it cannot be. */
  forgetGroup(groupId: string): Later<ErrorCode> {
    const { image } = this.options;
    const answer = new Later<ErrorCode>();
    const reply = new Reply<readonly TopicToForget[] | Refused>(refused);
    this.coordinator.write(groupId, reply, (machine) => decideDeleteGroup(machine.groups.get(groupId), image()));
    whenDone(reply.later, (topics) => {
      if ("errorCode" in topics) answer.complete(topics.errorCode);
      else {
        whenDone(this.deleteStates(groupId, topics), (results) => {
          answer.complete(results.find(({ errorCode }) => errorCode !== ErrorCode.NONE)?.errorCode ?? ErrorCode.NONE);
        });
      }
    });
    return answer;
  }

  /** For each topic, NONE or why some of it is still there. */
  private deleteStates(groupId: string, topics: readonly TopicToForget[]): Later<Refused[]> {
    const { persister } = this.options;
    return gather(
      topics.map(({ topicId, partitions }) =>
        gather(
          partitions.map((partition) => persister.delete({ groupId, topicId, partition })),
          (results) => results.find(({ errorCode }) => errorCode !== ErrorCode.NONE) ?? NONE,
        ),
      ),
      (results) => results,
    );
  }

  /** Tells where share partitions start. @param topics partitions by topic id. */
  tell(groupId: string, topics: ReadonlyMap<string, ReadonlySet<number>>): Later<ToldState[]> {
    const { persister } = this.options;
    const asked = [...topics].flatMap(([topicId, partitions]) =>
      [...partitions].map((partition) => ({ topicId, partition })),
    );
    return gather(
      asked.map((place) => persister.readSummary({ groupId, ...place }, NOBODY_KNOWS)),
      (states) => states.map((state, index) => ({ ...state, ...(asked[index] as (typeof asked)[number]) })),
    );
  }
}

function refused(code: ErrorCode): Refused {
  return { errorCode: coordinatorError(code), errorMessage: null };
}

/** None of these fails or is without an answer. */
function whenDone<R>(later: Later<R>, then: (answer: R) => void): void {
  later.onComplete((answer) => {
    if (typeof answer !== "symbol") then(answer as R);
  });
}

function altered({ topics, order }: Alteration, results: readonly PersisterResult[]): Altered {
  const failed = new Map<string, PersisterResult>();
  order.partitions.forEach(({ topicId, partition }, index) => {
    const result = results[index];
    if (result !== undefined && result.errorCode !== ErrorCode.NONE) failed.set(`${partition}:${topicId}`, result);
  });
  return {
    ...NONE,
    topics: topics.map(({ topicName, topicId, partitions }) => ({
      ...{ topicName, topicId },
      partitions: partitions.map((outcome) => {
        const failure = failed.get(`${outcome.partitionIndex}:${topicId}`);
        if (failure === undefined) return outcome;
        const { errorCode, errorMessage } = failure;
        return { partitionIndex: outcome.partitionIndex, errorCode, errorMessage };
      }),
    })),
  };
}

function topicsOf(partitions: readonly InitializedPartition[]): KeptTopics {
  const topics = new Map<string, KeptTopic & { readonly partitions: number[] }>();
  for (const { topicId, name, partition } of partitions) {
    const known = topics.get(topicId);
    if (known === undefined) topics.set(topicId, { name, partitions: [partition], sinceMs: 0 });
    else known.partitions.push(partition);
  }
  return topics;
}
