/**
 * What the data plane asks of the control plane. Declared here, filled by cluster/, so that the broker knows neither where
 * the controller is nor whose it is.
 */

import type { AlterPartitionRequest, AlterPartitionResponse } from "../protocol/messages/alter-partition.ts";
import type { Api } from "../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../protocol/schema/message.ts";
import type { Later } from "./dispatch/answer.ts";

/** On whose behalf a request is forwarded (KIP-590). */
export interface ForwardedFor {
  readonly principalType: string;
  readonly principalName: string;
  readonly clientId: string;
  readonly clientHost: string;
}

/** Requests the active controller answers. */
export interface ControllerPort {
  /**
   * Passes a client's request on and brings the controller's answer. Retries until the request's own timeout while no
   * controller is known; fails with KafkaError REQUEST_TIMED_OUT, or UNSUPPORTED_VERSION when the client's connection is to be
   * closed.
   */
  forward<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    apiVersion: number,
    request: Decode<Req>,
    onBehalfOf: ForwardedFor,
  ): Promise<Encode<Res>>;
  /** A block of producer ids. */
  allocateProducerIds(): Promise<{ readonly firstProducerId: number; readonly count: number }>;
}

export type AlterPartitionData = Encode<typeof AlterPartitionRequest>["topics"][number]["partitions"][number];
export type AlterPartitionAnswer = Decode<typeof AlterPartitionResponse>["topics"][number]["partitions"][number];

/** ISR changes of partitions led here (KIP-497). */
export interface IsrPort {
  /** One change in flight per partition. Completes with the controller's answer for it; a top-level error is its error code. */
  alterPartition(topicId: string, change: AlterPartitionData): Later<AlterPartitionAnswer>;
}
