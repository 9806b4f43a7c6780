/**
 * ISR changes of this broker's partitions on their way to the controller (AlterPartition, KIP-497).
 *
 * Owns: that changes of one turn share a request, that one request is in flight, and that what a controller could not answer is
 * asked again. Leaves to Partition: what an answer means.
 */
import { Later } from "../../broker/dispatch/answer.ts";
import type { IsrPort } from "../../broker/ports.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { AlterPartition } from "../../protocol/messages/alter-partition.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { ControllerChannel } from "../membership/controller-channel.ts";

type TopicChange = Encode<(typeof AlterPartition)["request"]>["topics"][number];
type PartitionChange = TopicChange["partitions"][number];
type PartitionOutcome = Decode<(typeof AlterPartition)["response"]>["topics"][number]["partitions"][number];

interface Proposal {
  readonly topicId: string;
  readonly change: PartitionChange;
  readonly answer: Later<PartitionOutcome>;
}

const VERSION = 3;
const RETRY_MS = 50;

export class IsrProposals implements IsrPort {
  private readonly channel: ControllerChannel;
  private readonly clock: Clock;
  private readonly identity: () => { readonly brokerId: number; readonly brokerEpoch: number };
  /** Waiting to be sent; a newer proposal of a partition takes the place of an older one. */
  private waiting = new Map<string, Proposal>();
  private sending = false;
  private scheduled = false;
  private closed = false;

  constructor(
    channel: ControllerChannel,
    clock: Clock,
    identity: () => { readonly brokerId: number; readonly brokerEpoch: number },
  ) {
    this.channel = channel;
    this.clock = clock;
    this.identity = identity;
  }

  alterPartition(topicId: string, change: PartitionChange): Later<PartitionOutcome> {
    const answer = new Later<PartitionOutcome>();
    this.waiting.set(`${topicId}-${change.partitionIndex}`, { topicId, change, answer });
    if (!this.scheduled) {
      this.scheduled = true;
      queueMicrotask(() => {
        this.scheduled = false;
        this.send();
      });
    }
    return answer;
  }

  /** Sends nothing more; what waits is never answered. */
  close(): void {
    this.closed = true;
    this.waiting.clear();
  }

  private send(): void {
    if (this.sending || this.closed || this.waiting.size === 0) return;
    this.sending = true;
    const sent = this.waiting;
    this.waiting = new Map();
    const topics = new Map<string, { topicId: string; partitions: PartitionChange[] }>();
    for (const { topicId, change } of sent.values()) {
      const topic = topics.get(topicId) ?? { topicId, partitions: [] };
      topic.partitions.push(change);
      topics.set(topicId, topic);
    }
    this.channel.send(AlterPartition, VERSION, { ...this.identity(), topics: [...topics.values()] }).then(
      (response) => {
        this.sending = false;
        if (response.errorCode === ErrorCode.NONE) this.deliver(sent, response.topics);
        else this.retry(sent); // STALE_BROKER_EPOCH while we register anew, NOT_CONTROLLER, ...
      },
      () => {
        this.sending = false;
        this.retry(sent);
      },
    );
  }

  private deliver(
    sent: ReadonlyMap<string, Proposal>,
    topics: Decode<(typeof AlterPartition)["response"]>["topics"],
  ): void {
    const outcomes = new Map<string, PartitionOutcome>();
    for (const topic of topics) {
      for (const partition of topic.partitions) outcomes.set(`${topic.topicId}-${partition.partitionIndex}`, partition);
    }
    const unanswered = new Map<string, Proposal>();
    for (const [key, proposal] of sent) {
      const outcome = outcomes.get(key);
      if (outcome === undefined) unanswered.set(key, proposal);
      else proposal.answer.complete(outcome);
    }
    if (unanswered.size > 0) this.retry(unanswered);
    this.send();
  }

  private retry(sent: ReadonlyMap<string, Proposal>): void {
    for (const [key, proposal] of sent) if (!this.waiting.has(key)) this.waiting.set(key, proposal);
    this.clock.after(RETRY_MS, () => this.send());
  }
}
