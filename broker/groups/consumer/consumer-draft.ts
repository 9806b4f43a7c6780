/**
 * A consumer group while a decision works it out.
 */
import { RecordDraft } from "../record-draft.ts";
import type { ConsumerGroup } from "./consumer-group.ts";

export class ConsumerDraft extends RecordDraft<ConsumerGroup> {}
