/**
 * A node that is only a wire: real sockets, frames, dispatch; of handlers, ApiVersions and stubs that answer each API with its
 * empty response. Tests give handlers of their own for what they look at.
 */

import { NO_RESPONSE } from "../../../broker/dispatch/answer.ts";
import { Dispatcher, type DispatcherOptions } from "../../../broker/dispatch/dispatcher.ts";
import { errorResponse } from "../../../broker/dispatch/error-response.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { HandlerTable, type ServedApi, serve } from "../../../broker/dispatch/handler-table.ts";
import type { NodeFeatures } from "../../../broker/features.ts";
import { answerApiVersions } from "../../../broker/handlers/api-versions.ts";
import { ConnectionQuota } from "../../../broker/network/connection-quota.ts";
import { LimitedLog } from "../../../broker/network/limited-log.ts";
import type { Address } from "../../../broker/network/network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import type { RequestEnvironment } from "../../../broker/network/request-connection.ts";
import { DEFAULT_REQUEST_LIMITS, type RequestLimits } from "../../../broker/network/request-limits.ts";
import { RequestListener } from "../../../broker/network/request-listener.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { APIS } from "../../../protocol/apis.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ApiVersions } from "../../../protocol/messages/api-versions.ts";
import type { Api, ListenerKind } from "../../../protocol/schema/api.ts";
import type { Clock } from "../../../storage/clock.ts";
import type { LogFields, Logger } from "../../../storage/logger.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

export interface MinimalNodeOptions {
  readonly kind?: ListenerKind;
  /** Replace the stubs of these APIs. */
  readonly handlers?: readonly ServedApi<RequestInfo>[];
  readonly limits?: Partial<RequestLimits>;
  readonly hosts?: readonly string[];
  readonly port?: number;
  readonly requiresAuthentication?: boolean;
  readonly clock?: Clock;
  readonly intercept?: DispatcherOptions<RequestInfo>["intercept"];
}

export const FEATURES: NodeFeatures = {
  supported: [
    { name: "metadata.version", minVersion: 7, maxVersion: 30 },
    { name: "transaction.version", minVersion: 0, maxVersion: 2 },
    { name: "kraft.version", minVersion: 0, maxVersion: 1 },
  ],
  finalized: [
    { name: "metadata.version", level: 30 },
    { name: "transaction.version", level: 2 },
    { name: "kraft.version", level: 0 },
  ],
  finalizedEpoch: 190,
};

/** Answered but not listed, without a telemetry receiver. */
const UNLISTED = new Set(["GetTelemetrySubscriptions", "PushTelemetry"]);

export class MinimalNode implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  readonly unexpectedErrors: unknown[] = [];
  readonly environment: RequestEnvironment;
  readonly listener: RequestListener;
  private readonly hosts: readonly string[];
  private readonly port: number;

  constructor(options: MinimalNodeOptions = {}) {
    const limits = { ...DEFAULT_REQUEST_LIMITS, ...options.limits };
    const clock = options.clock ?? new NodeClock();
    this.hosts = options.hosts ?? ["127.0.0.1"];
    this.port = options.port ?? 0;
    const log = new LimitedLog(linesLog(this.lines), clock);
    const pool = new BufferPool({ maxIdleBytes: 64 * 1024 * 1024, poison: true });
    this.environment = { clock, log, pool, memory: new RequestMemory(limits.maxRequestBytesOfNode), limits };
    const dispatcher = new Dispatcher<RequestInfo>({
      table: new HandlerTable(options.kind ?? "broker", handlersOf(options)),
      context: (info) => info,
      log,
      ...(options.intercept === undefined ? {} : { intercept: options.intercept }),
      onUnexpectedError: (error) => this.unexpectedErrors.push(error),
    });
    this.listener = new RequestListener({
      name: options.kind === "controller" ? "CONTROLLER" : "PLAINTEXT",
      network: new NodeNetwork(),
      environment: this.environment,
      quota: new ConnectionQuota(limits),
      handler: dispatcher,
      requiresAuthentication: options.requiresAuthentication ?? false,
    });
  }

  async start(): Promise<Address> {
    await this.listener.listen(this.hosts, this.port);
    return this.address;
  }

  get address(): Address {
    const [first] = this.listener.addresses;
    if (first === undefined) throw new Error("it does not listen");
    return first;
  }

  /** Lines above debug. */
  get warnings(): readonly LogLine[] {
    return this.lines.filter(({ level }) => level !== "debug");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
  }
}

export async function startMinimalNode(options?: MinimalNodeOptions): Promise<MinimalNode> {
  const node = new MinimalNode(options);
  await node.start();
  return node;
}

function handlersOf(options: MinimalNodeOptions): ServedApi<RequestInfo>[] {
  const kind = options.kind ?? "broker";
  const own = new Map((options.handlers ?? []).map((line) => [line.api.key, line]));
  const apis = (APIS as readonly Api[]).filter(({ listeners }) => listeners.includes(kind));
  return apis.map((api) => own.get(api.key) ?? (api.key === ApiVersions.key ? APPROVED_VERSIONS : stub(api)));
}

const APPROVED_VERSIONS = serve(ApiVersions, (request, context: RequestInfo) =>
  answerApiVersions(request, context, FEATURES),
);

/** The API's response with nothing in it but what the request named. */
function stub(api: Api): ServedApi<RequestInfo> {
  const handle = (request: unknown, { apiVersion }: RequestInfo) =>
    (errorResponse(api, apiVersion, request, new KafkaError(ErrorCode.NONE)) ?? NO_RESPONSE) as never;
  return serve(api, handle, { advertised: !UNLISTED.has(api.name) });
}

function linesLog(lines: LogLine[]): Logger {
  const at = (level: LogLine["level"]) => (fields: LogFields, message: string) => {
    lines.push({ level, message, fields });
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
