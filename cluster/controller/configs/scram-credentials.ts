/**
 * AlterUserScramCredentials: sets or removes what users could authenticate with (KIP-554).
 *
 * Owns: what a credential may be, and which keys are kept of it. A user is changed once in a request, or not at all.
 */
import { createHash, createHmac } from "node:crypto";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from "../../../protocol/messages/user-scram-credentials.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { scramKey } from "../../metadata/cluster-image.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import { type ControllerView, metadataVersionIn } from "../controller-view.ts";
import { atomic, attempt, type Decision, type Refusal } from "../decision.ts";

type Request = Decode<typeof AlterUserScramCredentialsRequest>;
type Response = Encode<typeof AlterUserScramCredentialsResponse>;
type Upsertion = Request["upsertions"][number];

interface Change {
  readonly name: string;
  /** @throws KafkaError */
  readonly make: () => MetadataRecord;
}

/** By mechanism. */
const HASHES: ReadonlyMap<number, string> = new Map([
  [1, "sha256"],
  [2, "sha512"],
]);
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 16384;

export function decideScramCredentials(view: ControllerView, { deletions, upsertions }: Request): Decision<Response> {
  const { hasScramCredentials } = metadataVersionIn(view.image);
  const changes: Change[] = [
    ...deletions.map(({ name, mechanism }) => ({ name, make: () => removal(view, name, mechanism) })),
    ...upsertions.map((upsertion) => ({ name: upsertion.name, make: () => credential(upsertion) })),
  ];
  const outcomes = new Map<string, Refusal>();
  const records = new Map<string, MetadataRecord>();
  for (const { name, make } of changes) {
    // The first refusal of a user stands.
    if ((outcomes.get(name)?.errorCode ?? ErrorCode.NONE) !== ErrorCode.NONE) continue;
    const outcome = attempt(() => {
      if (records.delete(name)) {
        const reason = "A user credential cannot be altered twice in the same request";
        throw new KafkaError(ErrorCode.DUPLICATE_RESOURCE, reason);
      }
      if (!hasScramCredentials) {
        throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, "The current metadata version does not support SCRAM");
      }
      records.set(name, make());
    });
    outcomes.set(name, outcome);
  }
  const results = [...outcomes].map(([user, { errorCode, errorMessage }]) => ({
    ...{ user, errorCode },
    errorMessage: errorCode === ErrorCode.UNKNOWN_SERVER_ERROR ? null : errorMessage,
  }));
  const isDone = ({ errorCode }: Pick<Refusal, "errorCode">): boolean => errorCode === ErrorCode.NONE;
  // What was done is told first.
  return atomic([...records.values()], {
    results: [...results.filter(isDone), ...results.filter((one) => !isDone(one))],
  });
}

function removal({ image }: ControllerView, name: string, mechanism: number): MetadataRecord {
  hashOf(name, mechanism);
  if (!image.scramCredentials.has(scramKey(name, mechanism))) {
    throw new KafkaError(ErrorCode.RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist");
  }
  return record("RemoveUserScramCredential", 0, { name, mechanism });
}

/** RFC 5802: of the salted password only what it is checked with is kept. */
function credential({ name, mechanism, iterations, salt, saltedPassword }: Upsertion): MetadataRecord {
  const hash = hashOf(name, mechanism);
  if (iterations < MIN_ITERATIONS) throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too few iterations");
  if (iterations > MAX_ITERATIONS) throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too many iterations");
  // Java has no HMAC with an empty key.
  if (saltedPassword.length === 0) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR);
  const keyed = (text: string): Buffer => createHmac(hash, saltedPassword).update(text).digest();
  return record("UserScramCredential", 0, {
    ...{ name, mechanism, salt, iterations },
    storedKey: createHash(hash).update(keyed("Client Key")).digest(),
    serverKey: keyed("Server Key"),
  });
}

function hashOf(name: string, mechanism: number): string {
  if (name === "") throw new KafkaError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
  const hash = HASHES.get(mechanism);
  if (hash === undefined) throw new KafkaError(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
  return hash;
}
