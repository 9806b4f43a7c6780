/** What a decision is refused with. */
import { errorName } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";

/** The name of the code of the KafkaError thrown; undefined when none is. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return errorName(error.code);
  }
}
