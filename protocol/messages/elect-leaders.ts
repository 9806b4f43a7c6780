/** Elections on request. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ElectLeadersRequest = message("ElectLeadersRequest", "0-2", "2+", {
  electionType: int8({ versions: "1+" }),
  topicPartitions: array(
    {
      topic: string(),
      partitions: array(int32()),
    },
    { nullable: "0+" },
  ),
  timeoutMs: int32({ default: 60000 }),
});

export const ElectLeadersResponse = message("ElectLeadersResponse", "0-2", "2+", {
  throttleTimeMs: int32(),
  errorCode: int16({ versions: "1+" }),
  replicaElectionResults: array({
    topic: string(),
    partitionResult: array({
      partitionId: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
    }),
  }),
});

/** ElectLeaders (key 43): preferred (0) or unclean (1) elections (KIP-183, KIP-460). */
export const ElectLeaders = defineApi({
  key: 43,
  request: ElectLeadersRequest,
  response: ElectLeadersResponse,
  listeners: ["broker", "controller"],
});
