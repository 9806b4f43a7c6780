/**
 * Who makes and changes the topics of a run, as an administrator would, and never twice at once for one topic.
 *
 * Owns: what a topic was made with, so that it can be made again. Leaves to FaultRunner: when.
 */

import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { DeleteRecords } from "../../../protocol/messages/delete-records.ts";
import { AlterPartitionReassignments } from "../../../protocol/messages/reassignments.ts";
import { CreateTopics, DeleteTopics } from "../../../protocol/messages/topics.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { Admin } from "../clients/admin.ts";
import type { TopicPlan } from "./plan.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

const TIMEOUT_MS = 5000;

export class Operator {
  private readonly admin: Admin;
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly plans: readonly TopicPlan[];
  private busy: Promise<void> | undefined;

  constructor(admin: Admin, cluster: SimulatedCluster, auditor: Auditor, plans: readonly TopicPlan[]) {
    this.admin = admin;
    this.cluster = cluster;
    this.auditor = auditor;
    this.plans = plans;
  }

  createAll(): Promise<void> {
    return this.create(this.plans);
  }

  /** Resolves when nothing is under way. */
  async finished(): Promise<void> {
    while (this.busy !== undefined) await this.busy;
  }

  /** False: it has something else to do, or there is no such topic. */
  configure(topic: number, name: string, value: string): boolean {
    const plan = this.plans[topic];
    if (plan === undefined) return false;
    const resource = {
      ...{ resourceType: ResourceType.TOPIC, resourceName: plan.name },
      configs: [{ name, configOperation: 0, value }],
    };
    return this.begin(async () => {
      await this.admin.ask(
        IncrementalAlterConfigs,
        1,
        { resources: [resource], validateOnly: false },
        ({ responses }) => responses.every(({ errorCode }) => errorCode === ErrorCode.NONE),
      );
    });
  }

  /** Deletes all records but the newest `keep`; one try, at whoever is asked. */
  trim(topic: number, partition: number, keep: number): boolean {
    const plan = this.plans[topic];
    const image = plan === undefined ? undefined : this.cluster.running.image.topics.get(plan.name);
    const audit = image === undefined ? undefined : this.auditor.of(image.id, partition);
    if (plan === undefined || audit === undefined || audit.committedEnd - keep <= audit.startOffset) return false;
    const partitions = [{ partitionIndex: partition, offset: audit.committedEnd - keep }];
    const request = { topics: [{ name: plan.name, partitions }], timeoutMs: TIMEOUT_MS };
    return this.begin(async () => {
      for (let left = this.cluster.nodeIds.length; left > 0; left--) {
        const answer = await this.admin.askOnce(DeleteRecords, 2, request);
        if (answer?.topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE) return;
      }
    });
  }

  /** Deletes the last topic and makes it again; the first one is there from beginning to end. */
  recreate(): boolean {
    const plan = this.plans.length > 1 ? this.plans[this.plans.length - 1] : undefined;
    if (plan === undefined) return false;
    return this.begin(async () => {
      const id = this.cluster.running.image.topics.get(plan.name)?.id;
      if (id === undefined) return;
      // By its id: a try that comes late finds nothing, where by its name it would delete the topic that was made anew.
      const topics = [{ name: null, topicId: id }];
      await this.admin.ask(DeleteTopics, 6, { topics, timeoutMs: TIMEOUT_MS }, () => this.auditor.isDeleted(id));
      await this.create([plan]);
    });
  }

  /** Moves a partition to as many nodes as it has now, from this place on; false where it lies there already. */
  reassign(topic: number, partition: number, place: number): boolean {
    const name = this.plans[topic]?.name ?? "";
    const now = this.cluster.running.image.topics.get(name)?.partitions[partition];
    const { nodeIds } = this.cluster;
    if (now === undefined) return false;
    const count = now.replicas.length - now.addingReplicas.length;
    const replicas = Array.from({ length: count }, (_, at) => nodeIds[(place + at) % nodeIds.length] as number);
    if (replicas.join() === now.replicas.join()) return false;
    const topics = [{ name, partitions: [{ partitionIndex: partition, replicas }] }];
    return this.begin(async () => {
      await this.admin.askOnce(AlterPartitionReassignments, 0, { topics, timeoutMs: TIMEOUT_MS });
    });
  }

  private begin(work: () => Promise<void>): boolean {
    if (this.busy !== undefined) return false;
    this.busy = work().then(
      () => {
        this.busy = undefined;
      },
      (error: unknown) => {
        this.busy = undefined;
        this.cluster.failures.push(error as Error);
      },
    );
    return true;
  }

  private async create(plans: readonly TopicPlan[]): Promise<void> {
    const topics = plans.map(({ name, partitions, replicationFactor, configs }) => ({
      ...{ name, numPartitions: partitions, replicationFactor, assignments: [] },
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    }));
    const request = { topics, timeoutMs: TIMEOUT_MS, validateOnly: false };
    // Asked a second time, because the first answer was lost, it is there; with brokers down there may be too few for it.
    const { topics: answers } = await this.admin.ask(CreateTopics, 7, request, (response) =>
      response.topics.every(({ errorCode }) => DECIDED.has(errorCode)),
    );
    for (const { name, errorCode, errorMessage } of answers) {
      if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) continue;
      throw new Error(`creating ${name}: ${errorName(errorCode) ?? errorCode} ${errorMessage ?? ""}`);
    }
  }
}

/** Answers that another try does not change. */
const DECIDED: ReadonlySet<number> = new Set([
  ErrorCode.NONE,
  ErrorCode.TOPIC_ALREADY_EXISTS,
  ErrorCode.INVALID_CONFIG,
  ErrorCode.INVALID_PARTITIONS,
  ErrorCode.INVALID_REQUEST,
]);
