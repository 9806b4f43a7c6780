/**
 * AlterClientQuotas: sets or removes quotas of users, client ids and addresses (KIP-546).
 *
 * Owns: which keys go with which entity, and which values are quotas. Of several parts of one type the last counts, as in Kafka.
 */
import { orderedEntity } from "../../../broker/metadata/client-quota-order.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { AlterClientQuotasRequest, AlterClientQuotasResponse } from "../../../protocol/messages/client-quotas.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { quotaKey } from "../../metadata/cluster-image.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import type { ControllerView } from "../controller-view.ts";
import { atomic, attempt, type Decision, withoutRecords } from "../decision.ts";

type Request = Decode<typeof AlterClientQuotasRequest>;
type Entry = Request["entries"][number];
type Response = Encode<typeof AlterClientQuotasResponse>;

const ENTITY_TYPES = ["user", "client-id", "ip"];
const USER_KEYS = ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
const CONNECTION_RATE = "connection_creation_rate";
/** Byte rates are whole numbers of bytes, connection rates of connections. */
const WHOLE_NUMBERS = new Set(["producer_byte_rate", "consumer_byte_rate", CONNECTION_RATE]);
const MAX_INT32 = 2 ** 31 - 1;
const MAX_INT64 = 2 ** 63;
/** Kafka takes this much for rounding. */
const WHOLE_WITHIN = 1e-6;

export function decideClientQuotas(view: ControllerView, request: Request): Decision<Response> {
  const records: MetadataRecord[] = [];
  const seen = new Set<string>();
  const entries = request.entries.map(({ entity: parts, ops }) => {
    const entity = orderedEntity([...new Map(parts.map((part) => [part.entityType, part])).values()]);
    const outcome = attempt(() => {
      const key = quotaKey(entity);
      if (seen.has(key)) refuse("Ignoring duplicate entity");
      seen.add(key);
      records.push(...quotaRecords(view, { entity, ops }));
    });
    return { ...outcome, entity };
  });
  const decision = atomic(records, { entries });
  return request.validateOnly ? withoutRecords(decision) : decision;
}

function quotaRecords({ image }: ControllerView, { entity, ops }: Entry): MetadataRecord[] {
  const allowed = allowedKeys(entity);
  const present = image.clientQuotas.get(quotaKey(entity))?.values;
  const keys = new Set<string>();
  const records: MetadataRecord[] = [];
  for (const { key, value, remove } of ops) {
    if (keys.has(key)) refuse(`Duplicate quota key ${key} not updating quota for this entity`);
    keys.add(key);
    if (!remove) checkValue(allowed, key, value);
    const changes = remove ? present?.has(key) === true : present?.get(key) !== value;
    if (changes) records.push(record("ClientQuota", 0, { entity, key, value: remove ? 0 : value, remove }));
  }
  return records;
}

function allowedKeys(entity: Entry["entity"]): readonly string[] {
  if (entity.length === 0) refuse("Invalid empty client quota entity");
  const types = new Set<string>();
  for (const { entityType, entityName } of entity) {
    if (!ENTITY_TYPES.includes(entityType)) refuse(`Unhandled client quota entity type: ${entityType}`);
    if (entityName === "") refuse(`Empty ${entityType} not supported`);
    types.add(entityType);
  }
  if (!types.has("ip")) return USER_KEYS;
  if (types.size > 1) {
    refuse("Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId");
  }
  // Differs from Kafka: the host names of quotas by IP address are taken as they are and not looked up.
  const [{ entityName: address }] = entity as [Entry["entity"][number]];
  if (address !== null && !/^[\w.:%-]+$/.test(address)) refuse(`${address} is not a valid IP or resolvable host.`);
  return [CONNECTION_RATE];
}

function checkValue(allowed: readonly string[], key: string, value: number): void {
  if (!allowed.includes(key)) refuse(`Invalid configuration key ${key}`);
  if (value <= 0) refuse(`Quota ${key} must be greater than 0`);
  if (!WHOLE_NUMBERS.has(key)) return;
  const isConnectionRate = key === CONNECTION_RATE;
  if (value > (isConnectionRate ? MAX_INT32 : MAX_INT64)) {
    refuse(`Proposed value for ${key} is too large for ${isConnectionRate ? "an INT" : "a LONG"}.`);
  }
  if (Math.abs(value % 1) > WHOLE_WITHIN) refuse(`${key} cannot be a fractional value.`);
}

function refuse(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REQUEST, message);
}
