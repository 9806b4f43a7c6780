/**
 * The metadata log and its quorum: Fetch (1) and FetchSnapshot (59) as its replicas send them, DescribeQuorum (55).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { DescribeQuorum, FetchSnapshot } from "../../../protocol/messages/quorum.ts";
import type { MetadataQuorum } from "../../raft/metadata-quorum.ts";
import { type ControllerRequest, controllerApi } from "./controller-api.ts";

/** @throws KafkaError BROKER_NOT_AVAILABLE while the log is being opened, or after it failed. */
function quorumOf({ controller }: ControllerRequest): MetadataQuorum {
  const { quorum } = controller;
  if (quorum === undefined) throw new KafkaError(ErrorCode.BROKER_NOT_AVAILABLE);
  return quorum;
}

export const QUORUM_APIS = [
  controllerApi({
    api: Fetch,
    handle: (request, context) => quorumOf(context).fetch(request, context),
    refuse: (_, { errorCode }) => ({ errorCode, responses: [] }),
  }),
  controllerApi({
    api: FetchSnapshot,
    handle: (request, context) => quorumOf(context).fetchSnapshot(request, context),
    refuse: (_, { errorCode }) => ({ errorCode, topics: [] }),
  }),
  controllerApi({
    api: DescribeQuorum,
    handle: (request, context) => quorumOf(context).describe(request, context.apiVersion),
    refuse: (_, { errorCode }) => ({ errorCode, topics: [] }),
  }),
];
