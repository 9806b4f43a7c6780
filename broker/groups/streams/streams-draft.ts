/**
 * A streams group while a decision works it out.
 */
import { RecordDraft } from "../record-draft.ts";
import type { StreamsGroup } from "./streams-group.ts";

export class StreamsDraft extends RecordDraft<StreamsGroup> {}
