import { describe, expect, test } from "vitest";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { OffsetCommit } from "../../../protocol/messages/group-offsets.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { startMinimalNode } from "../network/minimal-node.ts";
import { outcomeOf, request } from "../network/wire-client.ts";
import { bodyCases } from "./body-cases.ts";

const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

/** Metadata of a cluster without topics. */
const noTopics = serve(Metadata, (request, _context: RequestInfo) => ({
  brokers: [],
  topics: [...new Set(request.topics?.map(({ name }) => name))].map((name) => ({
    errorCode: TOPIC_NAME.test(name ?? "") ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION,
    name,
    partitions: [],
  })),
}));

describe("bodies", () => {
  bodyCases(() => startMinimalNode({ handlers: [noTopics] }));

  test("B32: names that every object has reach handlers as they are", async () => {
    const seen: string[] = [];
    const commit = serve(OffsetCommit, ({ groupId, memberId, topics }, _context: RequestInfo) => {
      seen.push(groupId, memberId, ...topics.map(({ name }) => name));
      return { topics: [] };
    });
    await using node = await startMinimalNode({ handlers: [commit] });
    const body = {
      groupId: "__proto__",
      generationIdOrMemberEpoch: 1,
      memberId: "constructor",
      topics: [{ name: "toString", partitions: [] }],
    };
    await outcomeOf(node.address, request(OffsetCommit, 8, body));
    expect(seen).toEqual(["__proto__", "constructor", "toString"]);
  });

  test("B34: int64 beyond 2^53 arrive as the ends of the safe range", async () => {
    const seen: number[] = [];
    const commit = serve(OffsetCommit, ({ topics }, _context: RequestInfo) => {
      seen.push(...topics.flatMap(({ partitions }) => partitions.map(({ committedOffset }) => committedOffset)));
      return { topics: [] };
    });
    await using node = await startMinimalNode({ handlers: [commit] });
    const offsets = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53 - 2];
    const partitions = offsets.map((committedOffset) => ({
      partitionIndex: 0,
      committedOffset,
      committedMetadata: "",
    }));
    const body = { groupId: "g", generationIdOrMemberEpoch: 1, memberId: "", topics: [{ name: "t", partitions }] };
    await outcomeOf(node.address, request(OffsetCommit, 8, body));
    expect(seen).toEqual(offsets);
  });
});
