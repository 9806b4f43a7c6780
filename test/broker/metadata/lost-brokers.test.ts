/** Brokers that may be gone, and what Metadata tells of them meanwhile. */
import { expect, test } from "vitest";
import { LostBrokers } from "../../../broker/metadata/lost-brokers.ts";
import type { BrokerImage } from "../../../broker/metadata/metadata-image.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { brokerImage, FixedBroker, partitionImage } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { WireAsker } from "../../support/wire-asker.ts";

const HERE = { host: "127.0.0.1", port: 1 };
const LED_BY_2 = [{ partitions: [{ leader: 1 }, { leader: 2 }] }];

function deltaOf(before: Partial<BrokerImage>, now: Partial<BrokerImage> | undefined) {
  const imageOf = (broker: Partial<BrokerImage> | undefined) => ({
    brokers: new Map(broker === undefined ? [] : [[2, { ...brokerImage(2, HERE), ...broker }]]),
  });
  return { previous: imageOf(before), image: imageOf(now), changedBrokers: [2] };
}

test("a suspicion ends when the matter is decided, when the broker answers, or by itself", () => {
  const clock = new ManualClock();
  const lost = new LostBrokers(clock);
  let looks = 0;
  const stop = lost.onSettled(() => looks++);
  lost.suspect(2);
  expect([lost.suspectsAnybody, lost.leadsAmong(LED_BY_2), lost.leadsAmong([])]).toEqual([true, true, false]);
  lost.apply(deltaOf({}, { fenced: true }));
  expect([lost.suspectsAnybody, looks]).toEqual([false, 1]);
  lost.suspect(2);
  lost.settle(2);
  lost.settle(2); // nobody suspects it any more
  expect([lost.suspectsAnybody, looks]).toEqual([false, 2]);
  lost.suspect(2);
  clock.advance(99);
  lost.suspect(2);
  clock.advance(99);
  expect(lost.suspectsAnybody).toBe(true);
  clock.advance(1);
  expect([lost.suspectsAnybody, looks, clock.pending]).toEqual([false, 3, 0]);
  lost.suspect(2);
  stop();
  lost.close();
  expect([looks, clock.pending]).toEqual([3, 0]);
});

test("a broker found dead is named for two seconds; one that left in good order, came back or is gone is not", () => {
  const clock = new ManualClock();
  const lost = new LostBrokers(clock);
  const apply = (before: Partial<BrokerImage>, now: Partial<BrokerImage> | undefined) => {
    const delta = deltaOf(before, now);
    lost.apply(delta);
    return delta.image;
  };
  const fenced = apply({}, { fenced: true });
  clock.advance(1999);
  expect(lost.isStillNamed(2, fenced)).toBe(true);
  clock.advance(1);
  expect(lost.isStillNamed(2, fenced)).toBe(false);
  expect(lost.isStillNamed(2, apply({}, { fenced: true, inControlledShutdown: true }))).toBe(false);
  expect(lost.isStillNamed(2, apply({}, { fenced: true, brokerEpoch: 9 }))).toBe(false); // a new one that has not begun
  apply({}, { fenced: true });
  expect(lost.isStillNamed(2, apply({ fenced: true }, { fenced: false }))).toBe(false);
  apply({}, { fenced: true });
  expect(lost.isStillNamed(2, apply({ fenced: true }, undefined))).toBe(false);
});

test("Metadata that would name a leader who may be gone waits for the election, whatever else is asked meanwhile", async () => {
  const fixed = new FixedBroker();
  const address = await fixed.start();
  const { id } = fixed.createTopic("t", 1);
  const led = (leader: number, leaderEpoch: number) => ({
    ...{ name: "t", id },
    partitions: [partitionImage(0, [2, 1], { leader, leaderEpoch })],
  });
  const brokers = [brokerImage(1, address), brokerImage(2, { ...HERE, port: 2 })];
  fixed.apply(brokers, [led(2, 0)]);
  using waiting = await WireAsker.open(address);
  using other = await WireAsker.open(address);
  const topics = [{ name: "t" }];
  fixed.broker.lostBrokers.suspect(2);
  const asked = waiting.ask(Metadata, 9, { topics });
  const unrelated = await other.ask(Metadata, 9, { topics: [] });
  expect(unrelated.brokers.length).toBe(2);
  fixed.apply([brokers[0], { ...brokers[1], fenced: true }] as BrokerImage[], [led(1, 1)]);
  const answer = await asked;
  expect(answer.topics[0]?.partitions[0]).toMatchObject({ leaderId: 1, leaderEpoch: 1 });
  expect(answer.brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  fixed.broker.lostBrokers.suspect(2);
  using gone = await WireAsker.open(address);
  void gone.ask(Metadata, 9, { topics: [{ name: "t" }] }).catch(() => {});
  await fixed.close();
});
