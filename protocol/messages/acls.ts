/** Access control lists. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeAclsRequest = message("DescribeAclsRequest", "1-3", "2+", {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: "0+" }),
  patternTypeFilter: int8({ default: 3 }),
  principalFilter: string({ nullable: "0+" }),
  hostFilter: string({ nullable: "0+" }),
  operation: int8(),
  permissionType: int8(),
});

export const DescribeAclsResponse = message("DescribeAclsResponse", "1-3", "2+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    patternType: int8({ default: 3 }),
    acls: array({
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  }),
});

/** DescribeAcls (key 29): the ACLs that match a filter. */
export const DescribeAcls = defineApi({
  key: 29,
  request: DescribeAclsRequest,
  response: DescribeAclsResponse,
  listeners: ["broker", "controller"],
});

export const CreateAclsRequest = message("CreateAclsRequest", "1-3", "2+", {
  creations: array({
    resourceType: int8(),
    resourceName: string(),
    resourcePatternType: int8({ default: 3 }),
    principal: string(),
    host: string(),
    operation: int8(),
    permissionType: int8(),
  }),
});

export const CreateAclsResponse = message("CreateAclsResponse", "1-3", "2+", {
  throttleTimeMs: int32(),
  results: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  }),
});

/** CreateAcls (key 30): adds ACLs. */
export const CreateAcls = defineApi({
  key: 30,
  request: CreateAclsRequest,
  response: CreateAclsResponse,
  listeners: ["broker", "controller"],
});

export const DeleteAclsRequest = message("DeleteAclsRequest", "1-3", "2+", {
  filters: array({
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: "0+" }),
    patternTypeFilter: int8({ default: 3 }),
    principalFilter: string({ nullable: "0+" }),
    hostFilter: string({ nullable: "0+" }),
    operation: int8(),
    permissionType: int8(),
  }),
});

export const DeleteAclsResponse = message("DeleteAclsResponse", "1-3", "2+", {
  throttleTimeMs: int32(),
  filterResults: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    matchingAcls: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  }),
});

/** DeleteAcls (key 31): removes the ACLs that match filters. */
export const DeleteAcls = defineApi({
  key: 31,
  request: DeleteAclsRequest,
  response: DeleteAclsResponse,
  listeners: ["broker", "controller"],
});
