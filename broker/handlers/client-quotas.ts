/**
 * DescribeClientQuotas (key 48): the quotas whose entities a filter matches (KIP-546).
 *
 * Owns: what a filter may ask for. Leaves what a quota may be to the controller.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { DescribeClientQuotas } from "../../protocol/messages/client-quotas.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Handler } from "../dispatch/handler.ts";
import { orderedEntity, orderedValues } from "../metadata/client-quota-order.ts";
import type { ClientQuota } from "../metadata/metadata-image.ts";

type Component = Decode<(typeof DescribeClientQuotas)["request"]>["components"][number];
/** By type of entity, what its name must be: null for the default of the type, undefined for any. */
type Filter = ReadonlyMap<string, string | null | undefined>;

const MatchType = { EXACT: 0, DEFAULT: 1, SPECIFIED: 2 } as const;
const ENTITY_TYPES = new Set(["user", "client-id", "ip"]);

export const handleDescribeClientQuotas: Handler<typeof DescribeClientQuotas> = (
  { components, strict },
  { broker: { image } },
) => {
  const filter = filterOf(components);
  const matching = [...image.clientQuotas.values()].filter((quota) => matches(quota, filter, strict));
  const entries = matching.map(({ entity, values }) => ({
    entity: orderedEntity(entity),
    values: orderedValues(values),
  }));
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: "", entries };
};

/** @throws KafkaError INVALID_REQUEST, UNSUPPORTED_VERSION. */
function filterOf(components: readonly Component[]): Filter {
  const filter = new Map<string, string | null | undefined>();
  for (const component of components) {
    const { entityType } = component;
    if (entityType === "") refuse("Invalid empty entity type.");
    if (filter.has(entityType)) refuse(`Entity type ${entityType} cannot appear more than once in the filter.`);
    if (!ENTITY_TYPES.has(entityType)) {
      throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${entityType}`);
    }
    filter.set(entityType, wantedName(component));
  }
  if (filter.has("ip") && filter.size > 1) {
    refuse(
      "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.",
    );
  }
  return filter;
}

function wantedName({ matchType, match }: Component): string | null | undefined {
  switch (matchType) {
    case MatchType.EXACT:
      return match ?? refuse("Request specified MATCH_TYPE_EXACT, but set match string to null.");
    case MatchType.DEFAULT:
      return match === null ? null : refuse("Request specified MATCH_TYPE_DEFAULT, but also specified a match string.");
    case MatchType.SPECIFIED:
      if (match !== null) refuse("Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.");
      return undefined;
    default:
      return refuse(`Unknown match type ${matchType}`);
  }
}

/** Strict: the entity has no parts but those that the filter names. */
function matches({ entity }: ClientQuota, filter: Filter, strict: boolean): boolean {
  if (strict && entity.length !== filter.size) return false;
  const names = new Map(entity.map(({ entityType, entityName }) => [entityType, entityName]));
  return [...filter].every(([type, wanted]) => names.has(type) && (wanted === undefined || names.get(type) === wanted));
}

function refuse(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REQUEST, message);
}
