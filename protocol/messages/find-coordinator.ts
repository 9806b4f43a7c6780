/** Which broker coordinates a group, a transactional id or a share partition. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const FindCoordinatorRequest = message("FindCoordinatorRequest", "0-6", "3+", {
  key: string({ versions: "0-3" }),
  /** 0 group, 1 transaction, 2 share. */
  keyType: int8({ versions: "1+", default: 0 }),
  coordinatorKeys: array(string(), { versions: "4+" }),
});

export const FindCoordinatorResponse = message("FindCoordinatorResponse", "0-6", "3+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  errorCode: int16({ versions: "0-3" }),
  errorMessage: string({ versions: "1-3", nullable: "1-3", ignorable: true }),
  nodeId: int32({ versions: "0-3" }),
  host: string({ versions: "0-3" }),
  port: int32({ versions: "0-3" }),
  coordinators: array(
    {
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "4+", ignorable: true }),
    },
    { versions: "4+" },
  ),
});

/** FindCoordinator (key 10): v1 transactions, v4 several keys at once (KIP-699), v6 share coordinators (KIP-932). */
export const FindCoordinator = defineApi({
  key: 10,
  request: FindCoordinatorRequest,
  response: FindCoordinatorResponse,
  listeners: ["broker"],
});
