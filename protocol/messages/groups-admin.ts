/** Looking at groups from outside. */
import { defineApi } from "../schema/api.ts";
import { array, bool, bytes, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeGroupsRequest = message("DescribeGroupsRequest", "0-6", "5+", {
  groups: array(string()),
  includeAuthorizedOperations: bool({ versions: "3+" }),
});

export const DescribeGroupsResponse = message("DescribeGroupsResponse", "0-6", "5+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ versions: "6+", nullable: "6+", default: null }),
    groupId: string(),
    groupState: string(),
    protocolType: string(),
    protocolData: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ versions: "4+", nullable: "4+", default: null, ignorable: true }),
      clientId: string(),
      clientHost: string(),
      memberMetadata: bytes(),
      memberAssignment: bytes(),
    }),
    authorizedOperations: int32({ versions: "3+", default: -0x80000000 }),
  }),
});

/** DescribeGroups (key 15): state and members of classic groups. v6 errors for unknown groups. */
export const DescribeGroups = defineApi({
  key: 15,
  request: DescribeGroupsRequest,
  response: DescribeGroupsResponse,
  listeners: ["broker"],
});

export const ListGroupsRequest = message("ListGroupsRequest", "0-5", "3+", {
  statesFilter: array(string(), { versions: "4+" }),
  typesFilter: array(string(), { versions: "5+" }),
});

export const ListGroupsResponse = message("ListGroupsResponse", "0-5", "3+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  errorCode: int16(),
  groups: array({
    groupId: string(),
    protocolType: string(),
    groupState: string({ versions: "4+", ignorable: true }),
    groupType: string({ versions: "5+", ignorable: true }),
  }),
});

/** ListGroups (key 16): the groups a broker coordinates. v4 filter by state, v5 by type. */
export const ListGroups = defineApi({
  key: 16,
  request: ListGroupsRequest,
  response: ListGroupsResponse,
  listeners: ["broker"],
});

export const DeleteGroupsRequest = message("DeleteGroupsRequest", "0-2", "2+", {
  groupsNames: array(string()),
});

export const DeleteGroupsResponse = message("DeleteGroupsResponse", "0-2", "2+", {
  throttleTimeMs: int32(),
  results: array({
    groupId: string(),
    errorCode: int16(),
  }),
});

/** DeleteGroups (key 42): removes empty groups (KIP-229). */
export const DeleteGroups = defineApi({
  key: 42,
  request: DeleteGroupsRequest,
  response: DeleteGroupsResponse,
  listeners: ["broker"],
});
