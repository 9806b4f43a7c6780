/**
 * A controller that is asked for topics and does with them what a test says.
 */
import type { ControllerPort, ForwardedFor } from "../../../broker/ports.ts";
import type { CreateTopics } from "../../../protocol/messages/topics.ts";
import type { Decode } from "../../../protocol/schema/message.ts";

export type AskedTopic = Decode<typeof CreateTopics.request>["topics"][number];

export class TopicController implements ControllerPort {
  /** Topics that were asked for, by request. */
  readonly asked: AskedTopic[][] = [];
  readonly onBehalfOf: ForwardedFor[] = [];
  /** Why a topic is refused, by name. */
  readonly refusals = new Map<string, { errorCode: number; errorMessage: string | null }>();

  forward(...[, , request, onBehalfOf]: Parameters<ControllerPort["forward"]>): Promise<never> {
    const { topics } = request as unknown as Decode<typeof CreateTopics.request>;
    this.asked.push(topics);
    this.onBehalfOf.push(onBehalfOf);
    const answers = topics.map(({ name }) => ({
      name,
      ...(this.refusals.get(name) ?? { errorCode: 0, errorMessage: null }),
    }));
    return Promise.resolve({ topics: answers } as never);
  }

  allocateProducerIds(): Promise<never> {
    return Promise.reject(new Error("not asked for here"));
  }
}
