/**
 * What the cluster is set to: AlterConfigs (33), IncrementalAlterConfigs (44), AlterClientQuotas (49), AlterUserScramCredentials (51),
 * UpdateFeatures (57).
 *
 * Each resource succeeds or fails alone; all that succeed are written in one batch.
 */

import { ConfigOperationType, checkOperations } from "../../../broker/config/config-operation.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { AlterClientQuotas } from "../../../protocol/messages/client-quotas.ts";
import { AlterConfigs, IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { UpdateFeatures } from "../../../protocol/messages/features.ts";
import { AlterUserScramCredentials } from "../../../protocol/messages/user-scram-credentials.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import { type ConfigResource, decideConfigs, decideReplacedConfigs } from "../configs/alter-configs.ts";
import { decideClientQuotas } from "../configs/client-quotas.ts";
import { decideScramCredentials } from "../configs/scram-credentials.ts";
import { decideUpdateFeatures } from "../configs/update-features.ts";
import type { ControllerView } from "../controller-view.ts";
import { atomic, attempt, type Decision, type Refusal, withoutRecords } from "../decision.ts";
import { Occurrences } from "../occurrences.ts";
import { controllerApi, written } from "./controller-api.ts";

interface RequestedResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

type ResourceAnswer = Refusal & RequestedResource;

const KNOWN_TYPES: readonly number[] = Object.values(ResourceType);
/** Up to this version UpdateFeatures answers feature by feature. */
const LAST_VERSION_WITH_RESULTS = 1;

/** Changes of several resources, in one batch. */
function decideAll<R extends RequestedResource>(
  resources: readonly R[],
  validateOnly: boolean,
  decide: (resource: R, of: ConfigResource) => MetadataRecord[],
): Decision<{ readonly responses: ResourceAnswer[] }> {
  const keyOf = ({ resourceType, resourceName }: R): string => `${resourceType}:${resourceName}`;
  const keys = new Occurrences();
  for (const resource of resources) keys.add(keyOf(resource));
  const records: MetadataRecord[] = [];
  const responses = resources.map((resource): ResourceAnswer => {
    const { resourceType, resourceName } = resource;
    const outcome = attempt(() => {
      if (!keys.isOnce(keyOf(resource))) throw new KafkaError(ErrorCode.INVALID_REQUEST, "Duplicate resource.");
      // Loggers are each node's own and no metadata.
      if (!KNOWN_TYPES.includes(resourceType) || resourceType === ResourceType.BROKER_LOGGER) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
      }
      for (const each of decide(resource, { type: resourceType as ResourceType, name: resourceName })) {
        records.push(each);
      }
    });
    return { ...outcome, resourceType, resourceName };
  });
  const decision = atomic(records, { responses });
  return validateOnly ? withoutRecords(decision) : decision;
}

function refuseAll(
  resources: readonly RequestedResource[],
  refusal: Refusal,
): { throttleTimeMs: number; responses: ResourceAnswer[] } {
  return {
    throttleTimeMs: 0,
    responses: resources.map(({ resourceType, resourceName }) => ({ ...refusal, resourceType, resourceName })),
  };
}

export const CONFIG_APIS = [
  controllerApi({
    api: IncrementalAlterConfigs,
    handle: (request, context) =>
      written(
        context,
        (view: ControllerView) =>
          decideAll(request.resources, request.validateOnly, ({ configs }, of) =>
            decideConfigs(view, of, configs, { isNew: false, forwarded: context.forwarded }),
          ),
        ({ responses }) => ({ throttleTimeMs: 0, responses }),
      ),
    refuse: ({ resources }, refusal) => refuseAll(resources, refusal),
  }),
  controllerApi({
    api: AlterConfigs,
    handle: (request, context) =>
      written(
        context,
        (view: ControllerView) =>
          decideAll(request.resources, request.validateOnly, ({ configs }, of) => {
            checkOperations(configs.map((config) => ({ ...config, configOperation: ConfigOperationType.SET })));
            const values = new Map(configs.map(({ name, value }) => [name, value as string]));
            return decideReplacedConfigs(view, of, values, { isNew: false, forwarded: context.forwarded });
          }),
        ({ responses }) => ({ throttleTimeMs: 0, responses }),
      ),
    refuse: ({ resources }, refusal) => refuseAll(resources, refusal),
  }),
  controllerApi({
    api: AlterClientQuotas,
    handle: (request, context) =>
      written(
        context,
        (view) => decideClientQuotas(view, request),
        (response) => ({ ...response, throttleTimeMs: 0 }),
      ),
    refuse: ({ entries }, refusal) => ({
      throttleTimeMs: 0,
      entries: entries.map(({ entity }) => ({ ...refusal, entity })),
    }),
  }),
  controllerApi({
    api: AlterUserScramCredentials,
    handle: (request, context) =>
      written(
        context,
        (view) => decideScramCredentials(view, request),
        (response) => ({ ...response, throttleTimeMs: 0 }),
      ),
    refuse: ({ deletions, upsertions }, refusal) => ({
      throttleTimeMs: 0,
      results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].map((user) => ({
        user,
        ...refusal,
      })),
    }),
  }),
  controllerApi({
    api: UpdateFeatures,
    handle: (request, context) =>
      written(
        context,
        (view) => decideUpdateFeatures(view, request),
        () => ({
          throttleTimeMs: 0,
          errorCode: ErrorCode.NONE,
          errorMessage: null,
          results:
            context.apiVersion > LAST_VERSION_WITH_RESULTS
              ? []
              : request.featureUpdates.map(({ feature }) => ({
                  feature,
                  errorCode: ErrorCode.NONE,
                  errorMessage: null,
                })),
        }),
      ),
    refuse: (_, refusal) => ({ throttleTimeMs: 0, ...refusal, results: [] }),
  }),
];
