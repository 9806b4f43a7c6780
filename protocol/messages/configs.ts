/** Configs of topics, brokers, groups and client metrics. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeConfigsRequest = message("DescribeConfigsRequest", "1-4", "4+", {
  resources: array({
    /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
    resourceType: int8(),
    resourceName: string(),
    configurationKeys: array(string(), { nullable: "0+" }),
  }),
  includeSynonyms: bool({ default: false }),
  includeDocumentation: bool({ versions: "3+", default: false }),
});

export const DescribeConfigsResponse = message("DescribeConfigsResponse", "1-4", "4+", {
  throttleTimeMs: int32(),
  results: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resourceType: int8(),
    resourceName: string(),
    configs: array({
      name: string(),
      value: string({ nullable: "0+" }),
      readOnly: bool(),
      configSource: int8({ default: -1, ignorable: true }),
      isSensitive: bool(),
      synonyms: array(
        {
          name: string(),
          value: string({ nullable: "0+" }),
          source: int8(),
        },
        { ignorable: true },
      ),
      configType: int8({ versions: "3+", default: 0, ignorable: true }),
      documentation: string({ versions: "3+", nullable: "0+", ignorable: true }),
    }),
  }),
});

/** DescribeConfigs (key 32): values with source and synonyms. */
export const DescribeConfigs = defineApi({
  key: 32,
  request: DescribeConfigsRequest,
  response: DescribeConfigsResponse,
  listeners: ["broker", "controller"],
});

export const AlterConfigsRequest = message("AlterConfigsRequest", "0-2", "2+", {
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    configs: array({
      name: string(),
      value: string({ nullable: "0+" }),
    }),
  }),
  validateOnly: bool(),
});

export const AlterConfigsResponse = message("AlterConfigsResponse", "0-2", "2+", {
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resourceType: int8(),
    resourceName: string(),
  }),
});

/** AlterConfigs (key 33): replaces every dynamic config of a resource. */
export const AlterConfigs = defineApi({
  key: 33,
  request: AlterConfigsRequest,
  response: AlterConfigsResponse,
  listeners: ["broker", "controller"],
});

export const IncrementalAlterConfigsRequest = message("IncrementalAlterConfigsRequest", "0-1", "1+", {
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    configs: array({
      name: string(),
      /** 0 set, 1 delete, 2 append, 3 subtract. */
      configOperation: int8(),
      value: string({ nullable: "0+" }),
    }),
  }),
  validateOnly: bool(),
});

export const IncrementalAlterConfigsResponse = message("IncrementalAlterConfigsResponse", "0-1", "1+", {
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resourceType: int8(),
    resourceName: string(),
  }),
});

/** IncrementalAlterConfigs (key 44): sets, deletes, appends or subtracts single configs (KIP-339). */
export const IncrementalAlterConfigs = defineApi({
  key: 44,
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
  listeners: ["broker", "controller"],
});

export const ListConfigResourcesRequest = message("ListConfigResourcesRequest", "0-1", "0+", {
  resourceTypes: array(int8(), { versions: "1+" }),
});

export const ListConfigResourcesResponse = message("ListConfigResourcesResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  configResources: array({
    resourceName: string(),
    resourceType: int8({ versions: "1+", default: 16, ignorable: true }),
  }),
});

/** ListConfigResources (key 74): names of resources that have configs (KIP-1142). */
export const ListConfigResources = defineApi({
  key: 74,
  request: ListConfigResourcesRequest,
  response: ListConfigResourcesResponse,
  listeners: ["broker"],
});
