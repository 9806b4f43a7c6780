/**
 * Faults of requests: between a listener's dispatcher and its handlers, on one node.
 *
 * Owns: which rule a request meets, and what an error, a delay or a dropped connection does to it. Errors for some topics or
 * partitions leave the rest of the request alone. Leaves to FaultRules: whether the rule strikes.
 * While there is no rule, a request costs a look at `isActive`.
 */
import { type Answer, CLOSE_CONNECTION, Later, type Settled } from "../../broker/dispatch/answer.ts";
import type { RequestInterceptor } from "../../broker/dispatch/dispatcher.ts";
import { errorResponse } from "../../broker/dispatch/error-response.ts";
import type { RequestContext, RequestInfo } from "../../broker/dispatch/handler.ts";
import type { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import type { Clock } from "../../storage/clock.ts";
import { errorCodeOfRule, type RequestFaultRule } from "./fault-rule.ts";
import type { FaultRules } from "./fault-rules.ts";
import { atOnce, struckPartitions, withErrors } from "./fetch-errors.ts";
import type { LinkEnd } from "./links.ts";
import { ownedRequest } from "./owned-request.ts";
import { mergeResponses, type Subject, splitRequest } from "./request-subjects.ts";

type Handle = (request: unknown) => Answer<unknown>;

/** What requests of other nodes say of themselves. */
const NODE_CLIENT = /^broker-\d+-/;

/** APIs of brokers that no client uses. */
const NODES_ONLY: ReadonlySet<string> = new Set(["WriteTxnMarkers"]);

export interface RequestFaultsOptions {
  readonly rules: FaultRules;
  readonly own: LinkEnd;
  /** The node's: a node that stands still delays nothing. */
  readonly clock: Clock;
  topicNameOf(topicId: string): string | undefined;
}

export class RequestFaults implements RequestInterceptor {
  private readonly options: RequestFaultsOptions;

  constructor(options: RequestFaultsOptions) {
    this.options = options;
  }

  get isActive(): boolean {
    return this.options.rules.requests.length > 0;
  }

  answer(context: RequestInfo, request: unknown, handle: Handle): Answer<unknown> {
    for (const fault of this.options.rules.requests) {
      const { rule } = fault;
      if (!this.matches(rule, context)) continue;
      const strike = this.strikeOf(rule, context, request as object);
      if (strike !== undefined && fault.strikes()) return this.delayed(rule, context, request, handle, strike);
    }
    return handle(request);
  }

  private matches(rule: RequestFaultRule, { api, clientId }: RequestInfo): boolean {
    const { own } = this.options;
    if (rule.api !== undefined && rule.api !== api.name) return false;
    if (rule.node !== undefined && rule.node !== own) return false;
    if (rule.client !== undefined) return rule.client === clientId;
    return own === "controller" || NODES_ONLY.has(api.name) || !NODE_CLIENT.test(clientId);
  }

  /** How a request is answered that the rule strikes; undefined when it is about other topics or partitions. */
  private strikeOf(
    rule: RequestFaultRule,
    context: RequestInfo,
    request: object,
  ): ((request: unknown, handle: Handle) => Answer<unknown>) | undefined {
    const errorCode = errorCodeOfRule(rule);
    const { topic, partition } = rule;
    if (topic === undefined) return (asked, handle) => strikeWhole(rule, errorCode, context, asked, handle);
    const subject: Subject = { topic, partition };
    const nameOf = (id: string): string | undefined => this.options.topicNameOf(id);
    if (context.api.key === Fetch.key) {
      const fetch = request as Parameters<typeof struckPartitions>[0];
      const session = (context as RequestContext).broker?.fetchSessions.partitionsOf(fetch.sessionId);
      const struck = struckPartitions(fetch, session, subject, nameOf);
      if (struck.length === 0) return undefined;
      if (errorCode === undefined) return (asked, handle) => strikeWhole(rule, errorCode, context, asked, handle);
      return (_, handle) =>
        changed(handle(atOnce(fetch)), (response) =>
          withErrors(response as Parameters<typeof withErrors>[0], struck, errorCode, session),
        );
    }
    if (splitRequest(request, subject, nameOf) === undefined) return undefined;
    if (errorCode === undefined) return (asked, handle) => strikeWhole(rule, errorCode, context, asked, handle);
    return (asked, handle) => {
      const parts = splitRequest(asked as object, subject, nameOf);
      if (parts === undefined) return handle(asked);
      const errors = errorResponse(context.api, context.apiVersion, parts.matched, new KafkaError(errorCode));
      if (errors === undefined) return CLOSE_CONNECTION; // acks=0: as Kafka tells of an error
      if (rule.when !== "after" && parts.rest === undefined) return errors;
      const answer = handle(rule.when === "after" ? asked : parts.rest);
      return changed(answer, (response) => mergeResponses(response as object, errors));
    };
  }

  private delayed(
    rule: RequestFaultRule,
    context: RequestInfo,
    request: unknown,
    handle: Handle,
    strike: (request: unknown, handle: Handle) => Answer<unknown>,
  ): Answer<unknown> {
    const { delayMs } = rule;
    const { clock } = this.options;
    if (delayMs === undefined) return strike(request, handle);
    if (rule.when === "after") {
      const later = new Later<unknown>();
      follow(strike(request, handle), later, (run) => void clock.after(delayMs, run));
      return later;
    }
    const owned = ownedRequest(request, context.frame);
    const later = new Later<unknown>({ holdsConnection: true });
    const timer = clock.after(delayMs, () => {
      try {
        follow(strike(owned.request, handle), later, (run) => run());
      } catch (error) {
        later.fail(error);
      } finally {
        owned.release();
      }
    });
    later.whenCancelled(() => {
      timer.cancel();
      owned.release();
    });
    return later;
  }
}

function strikeWhole(
  rule: RequestFaultRule,
  errorCode: ErrorCode | undefined,
  context: RequestInfo,
  request: unknown,
  handle: Handle,
): Answer<unknown> {
  if (rule.drop === "before") return CLOSE_CONNECTION;
  if (rule.drop === "after") return changed(handle(request), () => CLOSE_CONNECTION);
  if (errorCode === undefined) return handle(request);
  const errors = (): Settled<unknown> =>
    errorResponse(context.api, context.apiVersion, request, new KafkaError(errorCode)) ?? CLOSE_CONNECTION;
  return rule.when === "after" ? changed(handle(request), errors) : errors();
}

/** An answer with its response changed, when there is one. */
function changed(answer: Answer<unknown>, change: (response: unknown) => Settled<unknown>): Answer<unknown> {
  if (!(answer instanceof Later)) return typeof answer === "symbol" ? answer : change(answer);
  const later = new Later<unknown>({ holdsConnection: answer.holdsConnection });
  follow(answer, later, (run) => run(), change);
  return later;
}

/** Completes `later` as `answer` is completed, when `pace` lets it. */
function follow(
  answer: Answer<unknown>,
  later: Later<unknown>,
  pace: (run: () => void) => void,
  change: (response: unknown) => Settled<unknown> = (response) => response,
): void {
  const changedUnlessSilent = (value: Settled<unknown>): Settled<unknown> =>
    typeof value === "symbol" ? value : change(value);
  if (!(answer instanceof Later)) {
    pace(() => later.complete(changedUnlessSilent(answer)));
    return;
  }
  if (answer.holdsConnection) answer.whenReleased(() => later.releaseConnection());
  else later.releaseConnection();
  later.whenCancelled(() => answer.cancel());
  answer.onComplete(
    (value, whenSent) => pace(() => later.complete(changedUnlessSilent(value), whenSent)),
    (error) => pace(() => later.fail(error)),
  );
}
