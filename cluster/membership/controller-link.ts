/**
 * Everything a broker has of its controller: ways to ask it, and the metadata it commits.
 */
import type { ControllerPort } from "../../broker/ports.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { AllocateProducerIds } from "../../protocol/messages/allocate-producer-ids.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import type { MetadataSource } from "./metadata-source.ts";

export interface BrokerIdentity {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

export interface ControllerLinkOptions {
  /** Registration and heartbeats: nothing else may delay them, and its connection is how a controller sees that we live. */
  readonly heartbeatChannel: ControllerChannel;
  /** ISR changes and directories. */
  readonly isrChannel: ControllerChannel;
  /** What clients ask. */
  readonly forwardChannel: ControllerChannel;
  readonly metadata: MetadataSource;
  /** request.timeout.ms: how long a forwarded request is tried. */
  readonly forwardTimeoutMs: number;
}

export class ControllerLink {
  readonly heartbeatChannel: ControllerChannel;
  readonly isrChannel: ControllerChannel;
  readonly metadata: MetadataSource;
  private readonly forwardChannel: ControllerChannel;
  private readonly forwardTimeoutMs: number;

  constructor(options: ControllerLinkOptions) {
    this.heartbeatChannel = options.heartbeatChannel;
    this.isrChannel = options.isrChannel;
    this.forwardChannel = options.forwardChannel;
    this.metadata = options.metadata;
    this.forwardTimeoutMs = options.forwardTimeoutMs;
  }

  port(identity: () => BrokerIdentity): ControllerPort {
    const { forwardChannel, forwardTimeoutMs } = this;
    return {
      forward: (api, apiVersion, request, onBehalfOf) =>
        // A decoded message has every field an encoder may ask for.
        forwardChannel.send(api, apiVersion, request as never, { onBehalfOf, timeoutMs: forwardTimeoutMs }) as never,
      allocateProducerIds: async () => {
        const answer = await forwardChannel.send(AllocateProducerIds, 0, identity());
        if (answer.errorCode !== ErrorCode.NONE) throw new KafkaError(answer.errorCode as ErrorCode);
        return { firstProducerId: answer.producerIdStart, count: answer.producerIdLen };
      },
    };
  }

  close(): void {
    this.heartbeatChannel.close();
    this.isrChannel.close();
    this.forwardChannel.close();
  }
}
