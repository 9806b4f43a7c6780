/**
 * Errors for some partitions of a Fetch. Those of a session are not named by its requests, so that they are put into the answer;
 * the others are answered as ever, but without waiting.
 */

import type { FetchPartition, FetchPartitions } from "../../broker/fetch/fetch-session.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Fetch } from "../../protocol/messages/fetch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Subject } from "./request-subjects.ts";

type FetchRequest = Decode<(typeof Fetch)["request"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;

interface Struck {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Partitions of a Fetch, or of its session, that a subject means. */
export function struckPartitions(
  request: FetchRequest,
  session: FetchPartitions | undefined,
  subject: Subject,
  nameOf: (topicId: string) => string | undefined,
): Struck[] {
  const struck = new Map<string, Struck>();
  const add = (topic: string, topicId: string, partition: number): void => {
    const name = topic !== "" ? topic : nameOf(topicId);
    if (name !== subject.topic || (subject.partition !== undefined && subject.partition !== partition)) return;
    struck.set(`${topicId} ${topic} ${partition}`, { topic, topicId, partition });
  };
  for (const { topic, topicId, partitions } of request.topics) {
    for (const { partition } of partitions) add(topic, topicId, partition);
  }
  // A session that is named by ids remembers names besides, which its answers do not carry.
  for (const [key, { topic, topicId, partition }] of session ?? []) {
    const byId = key === `${partition}:${topicId}`;
    add(byId ? "" : (topic ?? ""), topicId, partition);
  }
  return [...struck.values()];
}

/** The request without a reason to wait. */
export function atOnce(request: FetchRequest): FetchRequest {
  return { ...request, maxWaitMs: 0, minBytes: 0 };
}

/** The answer with an error for each struck partition; what the session told of it is forgotten, so that the next is news. */
export function withErrors(
  response: FetchResponse,
  struck: readonly Struck[],
  errorCode: ErrorCode,
  session: FetchPartitions | undefined,
): FetchResponse {
  if (response.errorCode !== ErrorCode.NONE) return response;
  const isStruck = (topic: string, topicId: string, partition: number): boolean =>
    struck.some((one) => one.topic === topic && one.topicId === topicId && one.partition === partition);
  const kept = response.responses
    .map((entry) => ({
      ...entry,
      partitions: entry.partitions.filter(
        ({ partitionIndex }) => !isStruck(entry.topic ?? "", entry.topicId ?? "", partitionIndex),
      ),
    }))
    .filter(({ partitions }) => partitions.length > 0);
  for (const one of struck) forget(session, one);
  const failed = struck.map(({ topic, topicId, partition }) => ({
    ...{ topic, topicId },
    partitions: [{ partitionIndex: partition, errorCode, highWatermark: -1, records: null }],
  }));
  return { ...response, responses: [...kept, ...failed] };
}

function forget(session: FetchPartitions | undefined, { topicId, partition }: Struck): void {
  const known: FetchPartition | undefined = [...(session?.values() ?? [])].find(
    (one) => one.partition === partition && one.topicId === topicId,
  );
  if (known === undefined) return;
  known.toldHighWatermark = -1;
  known.toldLogStartOffset = -1;
}
