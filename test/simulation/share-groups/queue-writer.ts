/** Whoever puts records into the queue: one batch after the other, each until it is acknowledged. What is sent again is there twice. */
import { Produce } from "../../../protocol/messages/produce.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { only, type PatientClient, tried } from "../transactions/patient-client.ts";

const PRODUCE_VERSION = 9;
const ACK_TIMEOUT_MS = 3000;

export class QueueWriter {
  acknowledged = 0;
  private readonly client: PatientClient;
  private readonly topic: string;
  private readonly pauseMs: readonly [number, number];

  constructor(client: PatientClient, topic: string, pauseMs: readonly [number, number]) {
    this.client = client;
    this.topic = topic;
    this.pauseMs = pauseMs;
  }

  async run(stopped: () => boolean): Promise<void> {
    const { random } = this.client.environment;
    while (!stopped()) {
      await this.client.pause(random.between(...this.pauseMs));
      const partitions = this.client.partitionsOf(this.topic);
      if (partitions > 0) await tried(() => this.write(random.below(partitions), random.between(1, 8)));
    }
    this.client.close();
  }

  private async write(partition: number, count: number): Promise<void> {
    const { clock } = this.client.environment;
    const records = Array.from({ length: count }, () => ({
      timestamp: clock.wallMs(),
      key: null,
      value: Buffer.from("x"),
    }));
    const topicData = [{ name: this.topic, partitionData: [{ index: partition, records: buildRecordBatch(records) }] }];
    await this.client.persist(async () => {
      const request = { acks: -1, timeoutMs: ACK_TIMEOUT_MS, topicData };
      const { responses } = await this.client.askLeader([this.topic, partition], Produce, PRODUCE_VERSION, request);
      return only(only(responses).partitionResponses);
    });
    this.acknowledged += count;
  }
}
