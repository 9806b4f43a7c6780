import { describe, expect, test } from "vitest";
import { errorResponse } from "../../../broker/dispatch/error-response.ts";
import { APIS } from "../../../protocol/apis.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { JoinGroup } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { DeleteTopics } from "../../../protocol/messages/topics.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Decode, Message } from "../../../protocol/schema/message.ts";
import { versionsOf } from "./decode-cases.ts";
import { markedRequest } from "./marked-request.ts";

const ERROR = new KafkaError(ErrorCode.NOT_CONTROLLER, "ask another");

/** What a client reads when a request with one of everything failed. */
function answer<Res extends Message>(api: Api<Message, Res>, version: number, error: unknown = ERROR): Decode<Res> {
  const request = decode(api.request, version, markedRequest(api, version).body);
  const response = errorResponse(api, version, request, error);
  return decode(api.response, version, encodeToBuffer(api.response, version, response as never));
}

describe("error responses", () => {
  test("every API and version has one that can be written and shows the code", () => {
    const without: string[] = [];
    for (const api of APIS as readonly Api[]) {
      for (const version of versionsOf(api)) {
        if (!JSON.stringify(answer(api, version)).includes(`rrorCode":${ErrorCode.NOT_CONTROLLER}`)) {
          without.push(`${api.name} v${version}`);
        }
      }
    }
    // As in Kafka: there is no place for it.
    expect(without).toEqual(["DescribeLogDirs v1", "DescribeLogDirs v2"]);
  });

  test("Produce: each partition; with acks=0 none at all", () => {
    expect(answer(Produce, 9).responses).toMatchObject([
      { name: "ab", partitionResponses: [{ index: 1, errorCode: 41, baseOffset: -1, errorMessage: "ask another" }] },
    ]);
    expect(errorResponse(Produce, 9, { acks: 0, topicData: [] }, ERROR)).toBeUndefined();
  });

  test("Fetch: partitions, never with null records, up to v12; the top level from v7", () => {
    expect(answer(Fetch, 6).responses[0]?.partitions[0]).toMatchObject({ errorCode: 41, records: Buffer.alloc(0) });
    expect(answer(Fetch, 12)).toMatchObject({ errorCode: 41, responses: [{ partitions: [{ errorCode: 41 }] }] });
    expect(answer(Fetch, 13)).toMatchObject({ errorCode: 41, responses: [] });
  });

  test("the places change with versions", () => {
    expect(answer(FindCoordinator, 3)).toMatchObject({ errorCode: 41, nodeId: -1, port: -1, host: "" });
    expect(answer(FindCoordinator, 4).coordinators).toMatchObject([{ key: "ab", errorCode: 41, nodeId: -1 }]);
    expect(answer(OffsetFetch, 1).topics[0]?.partitions).toMatchObject([{ errorCode: 41, committedOffset: -1 }]);
    expect(answer(OffsetFetch, 7)).toMatchObject({ errorCode: 41, topics: [] });
    expect(answer(OffsetFetch, 8).groups).toMatchObject([{ groupId: "ab", errorCode: 41 }]);
    expect(answer(DeleteTopics, 5).responses).toMatchObject([
      { name: "ab", errorCode: 41, errorMessage: "ask another" },
    ]);
    expect(answer(DeleteTopics, 6).responses).toMatchObject([
      { name: "ab", topicId: expect.any(String), errorCode: 41 },
    ]);
  });

  test("what is not said is default", () => {
    expect(answer(JoinGroup, 6)).toMatchObject({
      errorCode: 41,
      generationId: -1,
      protocolName: "",
      memberId: "",
      members: [],
    });
  });

  test("what was thrown inside is not revealed", () => {
    const text = JSON.stringify(answer(Produce, 9, new Error("the password is x")));
    expect(text).toContain(`"errorCode":${ErrorCode.UNKNOWN_SERVER_ERROR}`);
    expect(text).not.toContain("password");
  });
});
