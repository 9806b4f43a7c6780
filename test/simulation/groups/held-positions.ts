/**
 * The partitions a member has, and how far it has read each: begun where the group's committed offset is, moved on, committed.
 *
 * Owns: what is asked of offsets, and what an answer means for a commit. Nothing is read from the partitions themselves: an offset is
 * a number that grows.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { OffsetCommit, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import type { CoordinatorClient } from "./coordinator-client.ts";
import type { GroupAudit, Holder } from "./group-audit.ts";
import { NEVER_WRITTEN } from "./register-history.ts";

export interface Committer {
  readonly memberId: string;
  readonly generation: number;
  readonly instanceId: string | null;
  /** Members of the consumer protocol say so when they ask for offsets. */
  readonly knowsEpochs: boolean;
}

interface Position {
  readonly topic: string;
  readonly partition: number;
  /** Undefined until the committed offset is known. */
  offset: number | undefined;
}

const MOST_AT_ONCE = 5;

/** After these nothing was stored, whatever else happened. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]);

export function keyOf(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

export function topicOf(key: string): { readonly topic: string; readonly partition: number } {
  const dash = key.lastIndexOf("-");
  return { topic: key.slice(0, dash), partition: Number(key.slice(dash + 1)) };
}

export class HeldPositions {
  private readonly client: CoordinatorClient;
  private readonly audit: GroupAudit;
  private readonly holder: Holder;
  private readonly version: number;
  private readonly positions = new Map<string, Position>();
  private readonly keys = new Set<string>();
  private commits = 0;

  constructor(client: CoordinatorClient, audit: GroupAudit, holder: Holder, version: number) {
    this.client = client;
    this.audit = audit;
    this.holder = holder;
    this.version = version;
  }

  get held(): ReadonlySet<string> {
    return this.keys;
  }

  get areKnown(): boolean {
    for (const { offset } of this.positions.values()) if (offset === undefined) return false;
    return true;
  }

  add(key: string): void {
    this.keys.add(key);
    this.positions.set(key, { ...topicOf(key), offset: undefined });
  }

  drop(key: string): void {
    this.keys.delete(key);
    this.positions.delete(key);
  }

  dropAll(): void {
    this.keys.clear();
    this.positions.clear();
  }

  advance(): void {
    const { random } = this.client.environment;
    for (const position of this.positions.values()) {
      if (position.offset !== undefined) position.offset += random.between(1, MOST_AT_ONCE);
    }
  }

  /** One try to learn where to begin. */
  async fetch(committer: Committer, requireStable: boolean): Promise<void> {
    const wanted = [...this.positions].filter(([, { offset }]) => offset === undefined);
    const topics = this.byTopic(wanted.map(([, position]) => position));
    if (topics === undefined || topics.length === 0) return;
    const { memberId, generation, knowsEpochs } = committer;
    const answer = await this.client.ask(OffsetFetch, this.version, {
      requireStable,
      groups: [
        {
          groupId: this.audit.groupId,
          ...(knowsEpochs ? { memberId, memberEpoch: generation } : {}),
          topics: topics.map(({ name, topicId, positions }) => {
            return { name, topicId, partitionIndexes: positions.map(({ partition }) => partition) };
          }),
        },
      ],
    });
    const group = answer?.body.groups[0];
    if (answer === undefined || group === undefined) return;
    this.client.heed(group.errorCode as ErrorCode);
    if (group.errorCode !== ErrorCode.NONE) return;
    group.topics.forEach((topic, index) => {
      const name = topics[index]?.name as string;
      for (const { partitionIndex, committedOffset, metadata, errorCode } of topic.partitions) {
        if (errorCode !== ErrorCode.NONE) continue;
        const key = keyOf(name, partitionIndex);
        this.audit.read(key, committedOffset < 0 ? NEVER_WRITTEN : (metadata ?? "?"), answer);
        const position = this.positions.get(key);
        // Given up and given again meanwhile: asked for again too.
        if (position !== undefined && wanted.some(([, one]) => one === position)) {
          position.offset = Math.max(0, committedOffset);
        }
      }
    });
  }

  /** Commits all that is known; answers with the worst it heard, undefined when there was no answer. */
  async commit({ memberId, generation, instanceId }: Committer): Promise<ErrorCode | undefined> {
    const known = [...this.positions.values()].filter(({ offset }) => offset !== undefined);
    const topics = this.byTopic(known);
    if (topics === undefined || topics.length === 0) return ErrorCode.NONE;
    const turn = ++this.commits;
    const idOf = (key: string, offset: number): string => `${this.holder.name}/${turn}/${key}@${offset}`;
    const ids = new Map<string, string>();
    for (const { topic, partition, offset } of known) {
      const key = keyOf(topic, partition);
      ids.set(key, idOf(key, offset as number));
      this.audit.committing(key, ids.get(key) as string, this.client.events);
    }
    const answer = await this.client.ask(OffsetCommit, this.version, {
      ...{ groupId: this.audit.groupId, memberId, generationIdOrMemberEpoch: generation, groupInstanceId: instanceId },
      topics: topics.map(({ name, topicId, positions }) => ({
        ...{ name, topicId },
        partitions: positions.map(({ partition, offset }) => ({
          ...{ partitionIndex: partition, committedOffset: offset as number },
          committedMetadata: ids.get(keyOf(name, partition)) as string,
        })),
      })),
    });
    if (answer === undefined) return undefined;
    let worst: ErrorCode = ErrorCode.NONE;
    answer.body.topics.forEach(({ partitions }, index) => {
      for (const { partitionIndex, errorCode } of partitions) {
        const key = keyOf(topics[index]?.name as string, partitionIndex);
        const id = ids.get(key) as string;
        const code = errorCode as ErrorCode;
        if (code === ErrorCode.NONE) this.audit.committed(this.holder, key, id, generation, answer);
        else if (REFUSALS.has(code)) this.audit.refused(key, id, answer);
        if (code !== ErrorCode.NONE) worst = code;
      }
    });
    this.client.heed(worst);
    return worst;
  }

  /** Undefined while a topic's id is not known. */
  private byTopic(positions: readonly Position[]) {
    const topics: { readonly name: string; readonly topicId: string; readonly positions: Position[] }[] = [];
    for (const position of positions) {
      const topicId = this.client.cluster.topics.get(position.topic)?.id;
      if (topicId === undefined && this.version >= FIRST_BY_ID) return undefined;
      let topic = topics.find(({ name }) => name === position.topic);
      if (topic === undefined) {
        topic = { name: position.topic, topicId: topicId ?? ZERO_UUID, positions: [] };
        topics.push(topic);
      }
      topic.positions.push(position);
    }
    return topics;
  }
}

const FIRST_BY_ID = 10;
