/**
 * Reads the partitions of one Fetch in order, within the response's limit: in this turn unless cold bytes come from the disk.
 *
 * Invariant: every LogRead that was made is handed over or released.
 */
import type { Broker } from "../broker.ts";
import type { FetchPartition } from "./fetch-session.ts";
import { type FetchParameters, fetchPartition, type PartitionFetchResult } from "./partition-fetch.ts";

export type PartitionFetchResults = readonly PartitionFetchResult[];

/**
 * Reads until the response is full; the first partition that has data gives a whole batch whatever the limit. A promise when the
 * disk is read; it rejects with what is no outcome of the protocol.
 * @param arrives see fetchPartition().
 */
export function readPartitions(
  broker: Broker,
  requests: readonly FetchPartition[],
  parameters: FetchParameters,
  maxBytes: number,
  arrives: boolean,
): PartitionFetchResults | Promise<PartitionFetchResults> {
  const results: PartitionFetchResult[] = [];
  let leftBytes = maxBytes;
  let hasData = false;
  const add = (result: PartitionFetchResult): void => {
    results.push(result);
    const sizeBytes = result.read?.sizeBytes ?? 0;
    leftBytes = Math.max(0, leftBytes - sizeBytes);
    hasData ||= sizeBytes > 0;
  };
  const readFrom = (index: number): PartitionFetchResults | Promise<PartitionFetchResults> => {
    for (let i = index; i < requests.length; i++) {
      const request = requests[i] as FetchPartition;
      const result = fetchPartition(broker, request, parameters, leftBytes, !hasData, arrives);
      if (result instanceof Promise) {
        return result.then((cold) => {
          add(cold);
          return readFrom(i + 1);
        });
      }
      add(result);
    }
    return results;
  };
  const read = readFrom(0);
  if (!(read instanceof Promise)) return read;
  return read.catch((error: unknown) => {
    releaseReads(results);
    throw error;
  });
}

export function bytesRead(results: PartitionFetchResults): number {
  let total = 0;
  for (const { read } of results) total += read?.sizeBytes ?? 0;
  return total;
}

/** Gives back what was read and will not be sent. */
export function releaseReads(results: PartitionFetchResults): void {
  for (const { read } of results) read?.release();
}
