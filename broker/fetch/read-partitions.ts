/**
 * Reads the partitions of one Fetch in order, within the response's limit: in this turn unless cold bytes come from the disk.
 *
 * Invariant: every LogRead that was made is handed over or released, and counts in the node's FetchMemory for as long.
 */
import type { Broker } from "../broker.ts";
import type { FetchPartition } from "./fetch-session.ts";
import { type FetchParameters, fetchPartition, isQuiet, type PartitionFetchResult } from "./partition-fetch.ts";

export type PartitionFetchResults = readonly PartitionFetchResult[];

/**
 * Reads until the response is full; the first partition that has data gives a whole batch whatever the limit. A promise when the
 * disk is read; it rejects with what is no outcome of the protocol.
 * @param grantedBytes the limit, as FetchMemory granted it.
 * @param arrives see fetchPartition().
 * @param skipsQuiet no result is wanted for partitions of which there is nothing to tell.
 */
export function readPartitions(
  broker: Broker,
  requests: readonly FetchPartition[],
  parameters: FetchParameters,
  grantedBytes: number,
  arrives: boolean,
  skipsQuiet: boolean,
): PartitionFetchResults | Promise<PartitionFetchResults> {
  const { fetchMemory } = broker;
  const results: PartitionFetchResult[] = [];
  let leftBytes = grantedBytes;
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
      if (skipsQuiet && isQuiet(broker, request, parameters, arrives)) continue;
      const result = fetchPartition(broker, request, parameters, leftBytes, !hasData, arrives);
      if (result instanceof Promise) {
        return result.then((cold) => {
          add(cold);
          return readFrom(i + 1);
        });
      }
      add(result);
    }
    fetchMemory.settle(grantedBytes, bytesRead(results));
    return results;
  };
  const fail = (error: unknown): never => {
    fetchMemory.settle(grantedBytes, bytesRead(results));
    releaseReads(broker, results);
    throw error;
  };
  try {
    const read = readFrom(0);
    return read instanceof Promise ? read.catch(fail) : read;
  } catch (error) {
    return fail(error);
  }
}

export function bytesRead(results: PartitionFetchResults): number {
  let total = 0;
  for (const { read } of results) total += read?.sizeBytes ?? 0;
  return total;
}

/** Gives back what was read and will not be sent. */
export function releaseReads({ fetchMemory }: Broker, results: PartitionFetchResults): void {
  fetchMemory.give(bytesRead(results));
  for (const { read } of results) read?.release();
}
