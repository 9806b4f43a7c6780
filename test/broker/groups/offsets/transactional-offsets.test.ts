/**
 * Offsets that are committed inside transactions.
 */
import { describe, expect, it } from "vitest";
import { decideCommit } from "../../../../broker/groups/offsets/commit-offsets.ts";
import { Reply } from "../../../../broker/state-machine/reply.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../../protocol/uuid.ts";
import { GroupWorld } from "../group-world.ts";
import { committing, fetched, offset } from "./offset-requests.ts";

describe("offsets of transactions", () => {
  const producer = { producerId: 9, producerEpoch: 1 };

  function pending(world: GroupWorld, at: number): void {
    const reply = new Reply<unknown>((code) => code);
    const order = {
      groupId: "g",
      memberId: "",
      groupInstanceId: null,
      generationId: -1,
      transactional: true,
      knowsEpochs: true,
      retentionTimeMs: -1,
      unknownGroup: ErrorCode.ILLEGAL_GENERATION,
      topics: [{ name: "t1", topicId: ZERO_UUID, partitions: [{ ...offset(0, at), committedLeaderEpoch: -1 }] }],
      transaction: producer,
    };
    world.groups.write("g", reply, (m) => decideCommit(m.groups.get("g"), order, 4096, m.nowMs));
  }

  function end(world: GroupWorld, committed: boolean): void {
    const reply = new Reply<ErrorCode>((code) => code);
    world.groups.endTransaction(0, { ...producer, coordinatorEpoch: 0, committed, transactionVersion: 2 }, reply);
  }

  it("count when the transaction commits; until then stable answers say that they cannot", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 1)]) });
    pending(world, 5);
    for (const round of ["before", "after"]) {
      expect([round, fetched(world, [0]), fetched(world, [0, 1], true)]).toEqual([
        round,
        [1],
        [{ error: ErrorCode.UNSTABLE_OFFSET_COMMIT }, -1],
      ]);
      await world.failOver();
    }
    end(world, true);
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[5], [5]]);
    await world.failOver();
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[5], [5]]);
  });

  it("never count when it aborts", async () => {
    const world = await GroupWorld.start();
    pending(world, 5);
    expect(world.group()?.state).toBe("Empty");
    end(world, false);
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[-1], [-1]]);
    await world.failOver();
    expect(fetched(world, [0], true)).toEqual([-1]);
  });

  it("do not replace what was committed after them", async () => {
    const world = await GroupWorld.start();
    pending(world, 5);
    world.commit(9, { topics: committing(9, [offset(0, 7)]) });
    end(world, true);
    expect(fetched(world, [0])).toEqual([7]);
    await world.failOver();
    expect(fetched(world, [0])).toEqual([7]);
  });

  it("are seen by queries when the marker is committed, not before", async () => {
    const world = await GroupWorld.start();
    pending(world, 5);
    world.log.autoCommit = false;
    end(world, true);
    expect(fetched(world, [0])).toEqual([-1]);
    world.log.commit();
    expect(fetched(world, [0])).toEqual([5]);
  });

  it("keep their group and its offsets from expiring, and go when the group is deleted", async () => {
    const world = await GroupWorld.start({ offsetsRetentionMs: 1 });
    world.commit(9, { topics: committing(9, [offset(0, 1)]) });
    pending(world, 5);
    world.clock.advance(600_000);
    expect(fetched(world, [0])).toEqual([1]);
    expect(world.deleteGroups(["g"]).answer?.results).toEqual([{ groupId: "g", errorCode: 0 }]);
    end(world, true);
    expect(fetched(world, [0])).toEqual([-1]);
  });
});
