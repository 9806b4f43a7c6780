/**
 * Members that do whatever members may do to one share partition, on a log that grows and loses records, with state that is stored or
 * not, under leaders that come and go. What each record went through is written down beside it and judged.
 */
import { strict as assert } from "node:assert";
import { describe, expect, test } from "vitest";
import { AcknowledgeType, type DeliveryChange } from "../../../broker/share-partitions/acknowledgement.ts";
import type { StateBatch } from "../../../broker/share-state/share-persister.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { fetched, HeldRecords } from "./held-records.ts";

const STEPS = 400;
const MEMBERS = ["a", "b", "c"];
const LIMIT = 4;
const LOCKS = 40;
const { GAP, ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType;
const TYPES = [ACCEPT, ACCEPT, ACCEPT, RELEASE, REJECT, GAP, RENEW];

/** What is known of one record from outside. */
interface Told {
  holder: string | undefined;
  lockedUntilMs: number;
  /** Acknowledged or archived, and the one who said so was told that it is stored. */
  isOver: boolean;
  deliveries: number;
}

class Play {
  readonly random: SeededRandom;
  share = new HeldRecords();
  private readonly log: [number, number][] = [];
  private end = 0;
  private readonly told = new Map<number, Told>();
  private stored = new Map<number, StateBatch>();
  private storedStart = 0;
  private begun: readonly DeliveryChange[] | undefined;
  delivered = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.takeOver();
  }

  step(): void {
    const { random } = this;
    switch (random.below(12)) {
      case 0:
      case 1:
        this.append();
        break;
      case 2:
      case 3:
      case 4:
        this.acquire();
        break;
      case 5:
      case 6:
      case 7:
        this.acknowledge();
        break;
      case 8:
        this.settle(random.below(5) > 0);
        break;
      case 9:
        this.pass();
        break;
      case 10:
        if (random.below(4) === 0) this.leave();
        break;
      default:
        switch (random.below(8)) {
          case 0:
            this.takeOver();
            break;
          case 1:
            this.compact();
        }
    }
    this.check();
  }

  private append(): void {
    const count = 1 + this.random.below(8);
    this.log.push([this.end, this.end + count - 1]);
    this.end += count;
  }

  private of(offset: number): Told {
    let told = this.told.get(offset);
    if (told === undefined) {
      told = { holder: undefined, lockedUntilMs: 0, isOver: false, deliveries: 0 };
      this.told.set(offset, told);
    }
    return told;
  }

  private acquire(): void {
    const { random, share } = this;
    if (!share.held.hasRoom(LOCKS)) return;
    const from = share.held.nextFetchOffset;
    const some = this.log.filter(([, last]) => last >= from).slice(0, 1 + random.below(6));
    const memberId = MEMBERS[random.below(MEMBERS.length)] as string;
    const options = {
      maxRecords: 1 + random.below(20),
      batchSize: 1 + random.below(10),
      isExact: random.below(2) === 0,
    };
    const pieces = share.acquire(memberId, fetched(...some), options);
    let count = 0;
    for (const [first = 0, last = 0, deliveryCount = 0] of pieces) {
      for (let offset = first; offset <= last; offset++) {
        const told = this.of(offset);
        assert(told.holder === undefined || told.lockedUntilMs <= share.nowMs, `${offset} is with two members`);
        assert(!told.isOver, `${offset} is delivered again`);
        assert(deliveryCount <= LIMIT, `${offset} is delivered ${deliveryCount} times`);
        Object.assign(told, { holder: memberId, lockedUntilMs: share.nowMs + share.lockMs });
        told.deliveries++;
        count++;
      }
    }
    this.delivered += count;
    if (options.isExact) assert(count <= options.maxRecords, "more than exactly as many records");
    share.held.moveStart();
  }

  private acknowledge(): void {
    if (this.begun !== undefined) return;
    const { random, share } = this;
    const memberId = MEMBERS[random.below(MEMBERS.length)] as string;
    const mine = [...this.told].filter(([, { holder }]) => holder === memberId).map(([offset]) => offset);
    const firstOffset = mine[random.below(mine.length || 1)];
    if (firstOffset === undefined) return;
    let lastOffset = firstOffset;
    while (mine.includes(lastOffset + 1) && random.below(4) > 0) lastOffset++;
    const count = lastOffset - firstOffset + 1;
    const length = random.below(2) === 0 ? 1 : count;
    const acknowledgeTypes = Array.from({ length }, () => TYPES[random.below(TYPES.length)] as number);
    const changes = share.begin(memberId, { firstOffset, lastOffset, acknowledgeTypes });
    if (typeof changes === "number") {
      // What it held was taken from it, or is being taken: never for another reason.
      assert(changes === 121, `refused with ${changes}`);
      return;
    }
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const type = acknowledgeTypes[length === 1 ? 0 : offset - firstOffset];
      if (type === RENEW && offset >= share.held.startOffset)
        this.of(offset).lockedUntilMs = share.nowMs + share.lockMs;
    }
    if (changes.length > 0) this.begun = changes;
  }

  private settle(isStored: boolean): void {
    const { begun, share } = this;
    if (begun === undefined) return;
    this.begun = undefined;
    if (!isStored) {
      share.rollBack(begun);
      for (const { delivery, stored } of begun) {
        // Whose lock has ended meanwhile has it no more.
        if (delivery.state !== 1) for (const offset of rangeOf(stored)) this.of(offset).holder = undefined;
      }
      return;
    }
    for (const { stored } of begun) this.store(stored);
    this.storedStart = share.held.startOffset;
    share.commit(begun);
    for (const { stored } of begun) {
      for (const offset of rangeOf(stored)) {
        const told = this.of(offset);
        told.holder = undefined;
        if (stored.deliveryState !== 0) told.isOver = true;
      }
    }
  }

  private store(batch: StateBatch): void {
    for (const offset of rangeOf(batch)) {
      this.stored.set(offset, { ...batch, firstOffset: offset, lastOffset: offset });
    }
  }

  private pass(): void {
    const { share, random } = this;
    for (const batch of share.pass(1 + random.below(80))) {
      this.store(batch);
      for (const offset of rangeOf(batch)) this.of(offset).holder = undefined;
    }
  }

  private leave(): void {
    if (this.begun !== undefined) return;
    const memberId = MEMBERS[this.random.below(MEMBERS.length)] as string;
    const changes = this.share.release(memberId);
    this.begun = changes;
    this.settle(true);
    for (const told of this.told.values()) if (told.holder === memberId) told.holder = undefined;
  }

  /** Another leader goes on from what is stored; what was under way there is not known here. */
  private takeOver(): void {
    this.begun = undefined;
    const batches = [...this.stored.values()].filter(({ firstOffset }) => firstOffset >= this.storedStart);
    batches.sort((one, other) => one.firstOffset - other.firstOffset);
    const { nowMs } = this.share;
    this.share = new HeldRecords(this.storedStart, batches);
    Object.assign(this.share, { nowMs, maxDeliveryCount: LIMIT, maxRecordLocks: LOCKS });
    for (const told of this.told.values()) told.holder = undefined;
  }

  /** A batch of the log goes as a whole, or the log's start moves. */
  private compact(): void {
    const { log, random, share } = this;
    if (random.below(2) === 0) {
      log.splice(random.below(log.length), 1);
      return;
    }
    const [first] = log[random.below(log.length)] ?? [0];
    while ((log[0]?.[0] ?? first) < first) log.shift();
    if (share.held.nextFetchOffset < first) share.held.raiseStart(first);
    share.held.moveStart();
  }

  private check(): void {
    const { held, nowMs } = this.share;
    let before = -1;
    for (const batch of held.batches) {
      assert(batch.firstOffset > before, "batches overlap");
      before = batch.lastOffset;
      batch.visit((delivery, first, last) => {
        for (let offset = first; offset <= last; offset++) {
          const told = this.told.get(offset);
          if (told?.isOver === true && offset >= held.startOffset) {
            assert(delivery.state === 2 || delivery.state === 4, `${offset} was acknowledged and is ${delivery.state}`);
          }
          if (
            told?.holder !== undefined &&
            told.lockedUntilMs > nowMs &&
            !delivery.isChanging &&
            delivery.state === 1
          ) {
            assert(delivery.memberId === told.holder, `${offset} is with ${delivery.memberId}, not ${told.holder}`);
          }
        }
        return true;
      });
    }
    for (const [offset, { isOver, holder, lockedUntilMs }] of this.told) {
      const isPassed = offset < held.startOffset && !isOver;
      if (!isPassed || holder === undefined || lockedUntilMs <= nowMs) continue;
      // Passed while a member has it: only the log's start does that.
      assert(offset < (this.log[0]?.[0] ?? this.end), `${offset} was passed over while ${holder} had it`);
    }
  }
}

function rangeOf({ firstOffset, lastOffset }: Pick<StateBatch, "firstOffset" | "lastOffset">): number[] {
  return Array.from({ length: lastOffset - firstOffset + 1 }, (_, i) => firstOffset + i);
}

describe("R197: whatever members do", () => {
  test.each(Array.from({ length: 150 }, (_, i) => i))(
    "no record is with two, or again once acknowledged: seed %i",
    (seed) => {
      const play = new Play(seed);
      for (let i = 0; i < STEPS; i++) play.step();
      expect(play.delivered).toBeGreaterThan(0);
    },
  );
});
