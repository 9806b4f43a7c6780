/** Frames that clients and Apache Kafka 4.3.1 exchanged decode in both engines and encode back to the same bytes. */
import { describe, expect, test } from "vitest";
import { apiByKey } from "../../protocol/apis.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { ApiVersionsResponse } from "../../protocol/messages/api-versions.ts";
import { RequestHeader, ResponseHeader } from "../../protocol/messages/headers.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import type { Message } from "../../protocol/schema/message.ts";
import { type Engine, engines } from "../support/engines.ts";
import { type GoldenFrame, goldenFrames } from "../support/golden-frames.ts";

const frames = goldenFrames();
const clients = [...new Set(frames.map((frame) => frame.client))];

/** Requests with bytes behind their end, which Apache Kafka ignores: an array count too many, an empty tagged section too many. */
const TRAILING_BYTES = new Map([
  ["confluent-kafka-python-2.16.1 Metadata 13", 3],
  ["confluent-kafka-python-2.16.1-three-nodes Metadata 13", 3],
  ["kafka-go-0.4.51 DescribeAcls 3", 1],
]);
/** ApiVersions v5 came after Apache Kafka 4.3.1: only the header of the request is read, the answer is v0. */
const isUnknownVersion = (frame: GoldenFrame) => frame.apiName === "ApiVersions" && frame.apiVersion === 5;

describe.each(engines().map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  test.each(clients)("frames of %s decode and encode back to the same bytes", (client) => {
    const trailing = new Map<string, number>();
    for (const frame of frames.filter((frame) => frame.client === client && !isUnknownVersion(frame))) {
      const api = apiByKey(frame.apiKey) as Api;
      const where = `${client} ${frame.apiName} ${frame.apiVersion}`;
      const requestHeader = requestHeaderVersion(api, frame.apiVersion);
      const left = expectSameBytes(engine, RequestHeader, requestHeader, api.request, frame.apiVersion, frame.request);
      if (left > 0) trailing.set(where, left);
      if (frame.response === null) continue;
      const responseHeader = responseHeaderVersion(api, frame.apiVersion);
      const surplus = expectSameBytes(
        engine,
        ResponseHeader,
        responseHeader,
        api.response,
        frame.apiVersion,
        frame.response,
      );
      expect(surplus, where).toBe(0);
    }
    expect(trailing).toEqual(new Map([...TRAILING_BYTES].filter(([where]) => where.startsWith(`${client} `))));
  });

  test("ApiVersions v5 is a header that can be read and an answer in the form of v0", () => {
    const unknown = frames.filter(isUnknownVersion);
    expect(unknown).toHaveLength(5);
    for (const frame of unknown) {
      const header = engine.decode(RequestHeader, 2, new Reader(frame.request));
      expect(header).toMatchObject({ requestApiKey: 18, requestApiVersion: 5, clientId: "kgo" });
      const response = new Reader(frame.response as Buffer);
      engine.decode(ResponseHeader, 0, response);
      const body = engine.decode(ApiVersionsResponse, 0, response);
      expect(body).toMatchObject({ errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] });
    }
  });
});

test("the frames are all there", () => {
  expect(frames).toHaveLength(1313);
  expect(new Set(frames.map((frame) => frame.apiKey)).size).toBe(76);
});

/** Decodes header and body, encodes them again, compares; gives the number of bytes behind the body. */
function expectSameBytes(
  engine: Engine,
  header: Message,
  headerVersion: number,
  body: Message,
  version: number,
  bytes: Buffer,
): number {
  const reader = new Reader(bytes);
  const headerValue = engine.decode(header, headerVersion, reader);
  const bodyValue = engine.decode(body, version, reader);
  const again = Buffer.concat([
    engine.encode(header, headerVersion, headerValue),
    engine.encode(body, version, bodyValue),
  ]);
  expect(again.toString("hex"), `${body.name} ${version}`).toBe(bytes.toString("hex", 0, reader.offset));
  return reader.remaining;
}
