import { afterAll, beforeAll, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane();
  await plane.createTopic("__transaction_state");
});
afterAll(() => plane[Symbol.asyncDispose]());

test("R107: a producer that asks again with the epoch it had gets the epoch it was given, never a second one", async () => {
  using asker = await WireAsker.open(plane.address);
  const init = (producerId: number, producerEpoch: number, version = 4) =>
    asker.ask(InitProducerId, version, {
      ...{ transactionalId: "r107", transactionTimeoutMs: 60_000, producerId, producerEpoch },
    });
  const first = await init(-1, -1);
  expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 });
  const { producerId } = first;
  const bumped = { errorCode: 0, producerId, producerEpoch: 1 };
  for (const version of [3, 4, 5]) expect(await init(producerId, 0, version)).toMatchObject(bumped);
  expect(await init(producerId, 1)).toMatchObject({ ...bumped, producerEpoch: 2 });
  // One epoch back is remembered, two are not; and an id that is not its own is somebody else's.
  expect(await init(producerId, 1)).toMatchObject({ ...bumped, producerEpoch: 2 });
  for (const [id, epoch] of [
    [producerId, 0],
    [producerId + 1, 2],
  ] as const)
    expect(await init(id, epoch)).toMatchObject({ errorCode: ErrorCode.PRODUCER_FENCED, producerId: -1 });
  // Whoever starts anew takes the id over: what was remembered is forgotten.
  expect(await init(-1, -1)).toMatchObject({ ...bumped, producerEpoch: 3 });
  expect(await init(producerId, 2)).toMatchObject({ errorCode: ErrorCode.PRODUCER_FENCED });
});
