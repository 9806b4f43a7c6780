/** A bug on the way to another broker costs one attempt: nothing waits behind it for ever. */
import { expect, test, vi } from "vitest";
import type { MetadataImage } from "../../../broker/metadata/metadata-image.ts";
import type { PeerBrokers } from "../../../broker/network/peer-brokers.ts";
import { MarkerSender } from "../../../broker/transactions/marker-sender.ts";
import { topicPartitions } from "../../../broker/transactions/topic-partitions.ts";
import { newTransaction, prepared, withPartitions } from "../../../broker/transactions/transaction.ts";
import { TransactionVerifier } from "../../../broker/transactions/transaction-verifier.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { type Logger, SILENT_LOGGER } from "../../../storage/logger.ts";
import { brokerImage } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { clusterImage, topicImage } from "../groups/group-world.ts";
import { STATE_TOPIC } from "./transaction-world.ts";

const TIMEOUT_MS = 1000;
/** Broker 1 leads all; the part under test is on broker 2. */
const IMAGE: MetadataImage = clusterImage(
  [topicImage(STATE_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1), topicImage("t", "AAAAAAAAAAAAAAAAAAAA_Q", 1)],
  [brokerImage(1, { host: "127.0.0.1", port: 1 })],
);
const PARTITIONS = topicPartitions([["t", [0]]]);

/** Another broker: the first request meets a bug, the others are answered. */
function peersOf(answer: object): { peers: Pick<PeerBrokers, "call" | "close">; calls: () => number } {
  let calls = 0;
  const call = () => (++calls === 1 ? Promise.reject(new Error("a bug")) : Promise.resolve(answer));
  return { peers: { call: call as PeerBrokers["call"], close: () => {} }, calls: () => calls };
}

function loudLogger(): { logger: Logger; errors: string[] } {
  const errors: string[] = [];
  return { logger: { ...SILENT_LOGGER, error: (_fields, message) => void errors.push(message) }, errors };
}

test("R135: a marker that could not be sent is sent again", async () => {
  const { logger, errors } = loudLogger();
  const clock = new ManualClock();
  const written = { name: "t", partitions: [{ partitionIndex: 0, errorCode: ErrorCode.NONE }] };
  const { peers, calls } = peersOf({ markers: [{ producerId: 7, topics: [written] }] });
  const ended: string[] = [];
  const sender = new MarkerSender({
    ...{ nodeId: 2, clock, logger, peers, requestTimeoutMs: TIMEOUT_MS, image: () => IMAGE },
    writer: { write: () => expect.unreachable("this broker leads nothing") },
    coordinatorEpochOf: () => 0,
    onEnded: ({ transactionalId }) => void ended.push(transactionalId),
  });
  const now = { wallMs: 0, monotonicMs: 0 };
  const ongoing = withPartitions(newTransaction("id", 7, TIMEOUT_MS, now), PARTITIONS, 2, now);
  sender.send(prepared(ongoing, true, 2, -1, now));
  await vi.waitFor(() => expect(errors).toHaveLength(1));
  await vi.waitFor(() => {
    clock.advance(100);
    expect(ended).toEqual(["id"]);
  });
  expect(calls()).toBe(2);
  expect(sender.size).toBe(0);
  sender.close();
});

test("R110: who asks a coordinator after a question that could not be asked has an answer", async () => {
  const { logger, errors } = loudLogger();
  const topicResults = [{ name: "t", resultsByPartition: [{ partitionIndex: 0, partitionErrorCode: ErrorCode.NONE }] }];
  const { peers } = peersOf({
    errorCode: ErrorCode.NONE,
    resultsByTransaction: [{ transactionalId: "id", topicResults }],
  });
  const nobody = () => expect.unreachable("this broker coordinates nothing");
  const verifier = new TransactionVerifier({
    ...{ nodeId: 2, logger, peers, requestTimeoutMs: TIMEOUT_MS, image: () => IMAGE },
    coordinator: { addPartitions: nobody, verifyPartitions: nobody },
  });
  const codes: number[][] = [];
  for (let asked = 0; asked < 2; asked++) {
    const question = {
      ...{ transactionalId: "id", producerId: 7, producerEpoch: 0 },
      ...{ partitions: PARTITIONS, verifyOnly: false },
    };
    verifier.ask(question).onComplete((results) => {
      if (typeof results !== "symbol") codes.push(results.map(({ errorCode }) => errorCode));
    });
  }
  await vi.waitFor(() => expect(codes).toEqual([[ErrorCode.UNKNOWN_SERVER_ERROR], [ErrorCode.NONE]]));
  expect(errors).toHaveLength(1);
  verifier.close();
});
