/**
 * Record batches that Apache Kafka 4.3.1 and its clients wrote: segments of its logs with what its own dump tool said of them
 * (test/golden/records), and what Produce requests and Fetch responses carried (test/golden/frames).
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { apiByKey } from "../../protocol/apis.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { FetchResponse } from "../../protocol/messages/fetch.ts";
import { RequestHeader, ResponseHeader } from "../../protocol/messages/headers.ts";
import { ProduceRequest } from "../../protocol/messages/produce.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode } from "../../protocol/schema/codec.ts";
import { type GoldenFrame, goldenFrames } from "./golden-frames.ts";

export interface DumpedRecord {
  readonly offset: number;
  readonly timestamp: number;
  /** -1 for null. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly sequence: number;
  readonly headerKeys: readonly string[];
  /** Of a control record, as the dump tool words it. */
  readonly control?: string;
}

export interface DumpedBatch {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitionLeaderEpoch: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly deleteHorizonMs: number | null;
  readonly timestampType: string;
  readonly maxTimestamp: number;
  readonly sizeBytes: number;
  readonly magic: number;
  readonly codec: string;
  readonly crc: number;
  /** Empty where the dump went no deeper. */
  readonly records: readonly DumpedRecord[];
}

export interface GoldenSegment {
  readonly file: string;
  readonly bytes: Buffer;
  readonly batches: readonly DumpedBatch[];
}

export function goldenSegments(): GoldenSegment[] {
  const file = new URL("../golden/records/segments.jsonl.gz", import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const segment = JSON.parse(line) as Omit<GoldenSegment, "bytes"> & { bytes: string };
    return { ...segment, bytes: Buffer.from(segment.bytes, "hex") };
  });
}

export interface GoldenRecords {
  readonly client: string;
  readonly apiName: "Produce" | "Fetch";
  readonly apiVersion: number;
  readonly records: Buffer;
}

/** The `records` fields that are not empty, of every recorded Produce request and Fetch response. */
export function goldenRecords(): GoldenRecords[] {
  return goldenFrames().flatMap((frame) => {
    const { client, apiVersion } = frame;
    const apiName = frame.apiKey === 0 ? "Produce" : "Fetch";
    return recordsOf(frame).flatMap((records) => (records?.length ? [{ client, apiName, apiVersion, records }] : []));
  });
}

function recordsOf({ apiKey, apiVersion, request, response }: GoldenFrame): (Buffer | null)[] {
  const api = apiByKey(apiKey) as Api;
  if (apiKey === 0) {
    const reader = new Reader(request);
    decode(RequestHeader, requestHeaderVersion(api, apiVersion), reader);
    const { topicData } = decode(ProduceRequest, apiVersion, reader);
    return topicData.flatMap(({ partitionData }) => partitionData.map(({ records }) => records));
  }
  if (apiKey !== 1 || response === null) return [];
  const reader = new Reader(response);
  decode(ResponseHeader, responseHeaderVersion(api, apiVersion), reader);
  const { responses } = decode(FetchResponse, apiVersion, reader);
  return responses.flatMap(({ partitions }) => partitions.map(({ records }) => records));
}
