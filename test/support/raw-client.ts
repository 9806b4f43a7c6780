/** Produce and Fetch to one node of a cluster, with the codes it answers: what a client sees, without a client's retries. */
import { Fetch } from "../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { batchOf } from "./batches.ts";
import { WireAsker } from "./wire-asker.ts";

export class RawClient implements Disposable {
  readonly asker: WireAsker;
  readonly clientId: string;

  private constructor(asker: WireAsker, clientId: string) {
    this.asker = asker;
    this.clientId = clientId;
  }

  /** @param address "host:port" */
  static async open(address: string, clientId = "test"): Promise<RawClient> {
    const [host, port] = address.split(":");
    return new RawClient(await WireAsker.open({ host: host as string, port: Number(port) }), clientId);
  }

  /** The error code and base offset of each partition. */
  async produce(
    topic: string,
    partitions: readonly number[],
    value = "x",
    { acks = -1, timeoutMs = 30_000, patienceMs }: { acks?: number; timeoutMs?: number; patienceMs?: number } = {},
  ): Promise<{ errorCode: number; baseOffset: number }[]> {
    const partitionData = partitions.map((index) => ({ index, records: [batchOf([value])] }));
    const request = { transactionalId: null, acks, timeoutMs, topicData: [{ name: topic, partitionData }] };
    const { responses } = await this.asker.ask(Produce, 9, request, {
      clientId: this.clientId,
      ...(patienceMs === undefined ? {} : { patienceMs }),
    });
    const all = responses.flatMap(({ partitionResponses }) => partitionResponses);
    return partitions.map((index) => {
      const one = all.find((partition) => partition.index === index);
      if (one === undefined) throw new Error(`no answer for partition ${index}`);
      return { errorCode: one.errorCode, baseOffset: Number(one.baseOffset) };
    });
  }

  /** Error code, high watermark and size of what is there, by partition. */
  async fetch(
    topic: string,
    partitions: readonly number[],
    offset = 0,
    options: { readonly sessionId?: number; readonly sessionEpoch?: number } = {},
  ) {
    const { sessionId = 0, sessionEpoch = -1 } = options;
    const answer = await this.asker.ask(
      Fetch,
      12,
      {
        ...{ maxWaitMs: 500, minBytes: 1, sessionId, sessionEpoch },
        topics: [
          {
            topic,
            partitions: partitions.map((partition) => ({
              ...{ partition, fetchOffset: offset, partitionMaxBytes: 1_000_000 },
            })),
          },
        ],
      },
      { clientId: this.clientId },
    );
    return {
      errorCode: answer.errorCode,
      sessionId: answer.sessionId,
      partitions: new Map(
        answer.responses
          .flatMap((one) => one.partitions)
          .map((one) => [
            one.partitionIndex,
            {
              errorCode: one.errorCode,
              highWatermark: one.highWatermark,
              sizeBytes: one.records === null ? 0 : (one.records as Buffer).length,
            },
          ]),
      ),
    };
  }

  /** The high watermark, as ListOffsets tells it; -1 with an error. */
  async latest(topic: string, partition: number): Promise<number> {
    const answer = await this.asker.ask(
      ListOffsets,
      7,
      {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
      },
      { clientId: this.clientId },
    );
    return Number(answer.topics[0]?.partitions[0]?.offset ?? -1);
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }
}
