/**
 * The clients that push metrics to this broker (KIP-714): what each is asked for, and what it pushed.
 *
 * Owns: who is known, for how long, and which request is refused with what. Leaves to TelemetrySubscriptions: what is asked; to the
 * receiver: the metrics.
 * Differs from Kafka: metrics that clients push go to a function given to `startCluster` (`onClientTelemetry`), where Kafka has plugins
 * among its `metric.reporters`.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Codec, isCodec } from "../../protocol/records/codec.ts";
import { decompress } from "../../protocol/records/compression.ts";
import { CompressionError } from "../../protocol/records/compression-error.ts";
import { uuidFromRandomBytes, ZERO_UUID } from "../../protocol/uuid.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Random } from "../../storage/random.ts";
import type { ClientAttributes } from "../config/client-metrics-configs.ts";
import type { ClientConnection } from "../dispatch/handler.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import { ClientInstance } from "./client-instance.ts";
import { type Asked, TelemetrySubscriptions } from "./telemetry-subscriptions.ts";

/** As Kafka's: more clients than a broker has at a time. Beyond it the one that was heard of longest ago is forgotten. */
const MAX_INSTANCES = 16_384;
const LEAST_EXPIRY_MS = 60_000;
const INTERVALS_TO_EXPIRY = 3;
/** What decompressing may make of a push, as a multiple of what a push may have. */
const MAX_EXPANSION = 16;

/** The best first: clients take the first that they know. */
export const ACCEPTED_COMPRESSION: readonly number[] = [Codec.ZSTD, Codec.LZ4, Codec.GZIP, Codec.SNAPPY];

/** Uuids that stand for something else are no clients. */
const RESERVED_IDS: ReadonlySet<string> = new Set([ZERO_UUID, "AAAAAAAAAAAAAAAAAAAAAQ"]);

/** What a client pushed. */
export interface ClientTelemetryPush {
  /** The broker it was pushed to. */
  readonly nodeId: number;
  readonly clientInstanceId: string;
  readonly clientId: string;
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
  /** The client's last. */
  readonly terminating: boolean;
  /** A MetricsData message of OpenTelemetry's protocol (OTLP), as protobuf. */
  readonly metrics: Buffer;
}

export type ClientTelemetryReceiver = (push: ClientTelemetryPush) => void;

/** Who sends a request. */
export interface TelemetryClient {
  readonly connection: ClientConnection;
  readonly clientId: string;
}

export interface ClientTelemetryOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly image: () => MetadataImage;
  /** telemetry.max.bytes, as it is now. */
  readonly maxBytes: () => number;
  readonly receiver?: ClientTelemetryReceiver | undefined;
}

export interface Push {
  readonly clientInstanceId: string;
  readonly subscriptionId: number;
  readonly terminating: boolean;
  readonly compressionType: number;
  readonly metrics: Buffer;
}

export class ClientTelemetry {
  private readonly options: ClientTelemetryOptions;
  private readonly subscriptions: TelemetrySubscriptions;
  /** The one heard of longest ago first. */
  private readonly instances = new Map<string, ClientInstance>();
  /** By connection: the client that is forgotten with it. */
  private readonly connected = new Map<number, string>();

  constructor(options: ClientTelemetryOptions) {
    this.options = options;
    this.subscriptions = new TelemetrySubscriptions(options.image, options.logger);
  }

  get maxBytes(): number {
    return this.options.maxBytes();
  }

  /** For tests. */
  get size(): number {
    return this.instances.size;
  }

  /** What a client is to push; an error code when it asks too early. @param givenId the zero uuid: it has none yet. */
  ask(givenId: string, client: TelemetryClient): ErrorCode | (Asked & { readonly clientInstanceId: string }) {
    const clientInstanceId = givenId === ZERO_UUID ? this.newId() : givenId;
    const instance = this.instanceOf(clientInstanceId, client);
    const { lastError } = instance;
    const mayAskAgain =
      lastError === ErrorCode.UNKNOWN_SUBSCRIPTION_ID || lastError === ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    if (!instance.mayAsk(this.nowMs) && !mayAskAgain) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    instance.lastError = ErrorCode.NONE;
    return { ...instance.asked, clientInstanceId };
  }

  /** Takes what a client pushes, or says why not. */
  push(push: Push, client: TelemetryClient): ErrorCode {
    if (RESERVED_IDS.has(push.clientInstanceId)) return ErrorCode.INVALID_REQUEST;
    const instance = this.instanceOf(push.clientInstanceId, client);
    const refusal = this.refusalOf(push, instance);
    instance.terminating = push.terminating;
    instance.lastError = refusal === ErrorCode.NONE ? this.deliver(push, client) : refusal;
    return instance.lastError;
  }

  private refusalOf(push: Push, instance: ClientInstance): ErrorCode {
    if (instance.terminating) return ErrorCode.INVALID_REQUEST;
    if (!instance.mayPush(this.nowMs) && !push.terminating) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    if (push.subscriptionId !== instance.asked.subscriptionId) return ErrorCode.UNKNOWN_SUBSCRIPTION_ID;
    if (!isCodec(push.compressionType)) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    return push.metrics.length > this.maxBytes ? ErrorCode.TELEMETRY_TOO_LARGE : ErrorCode.NONE;
  }

  private deliver(push: Push, { connection, clientId }: TelemetryClient): ErrorCode {
    const { nodeId, receiver, logger } = this.options;
    if (receiver === undefined || push.metrics.length === 0) return ErrorCode.NONE;
    const { clientInstanceId, terminating } = push;
    const { clientSoftwareName, clientSoftwareVersion } = connection;
    try {
      // What the receiver is given is its own to keep.
      const plain = decompress(push.compressionType, push.metrics, this.maxBytes * MAX_EXPANSION);
      const metrics = plain === push.metrics ? Buffer.from(plain) : plain;
      receiver({
        ...{ nodeId, clientInstanceId, clientId, clientSoftwareName, clientSoftwareVersion, terminating, metrics },
      });
      return ErrorCode.NONE;
    } catch (error) {
      // It is the receiver's: the client can do nothing about it.
      if (!(error instanceof CompressionError)) logger.error({ err: error }, "client metrics are not taken");
      return ErrorCode.INVALID_RECORD;
    }
  }

  private get nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  private newId(): string {
    for (;;) {
      const id = uuidFromRandomBytes(this.options.random.bytes(16));
      if (id !== undefined && !this.instances.has(id)) return id;
    }
  }

  /** The client; anew when it is not known any more, or other things are asked of it than when it was. */
  private instanceOf(id: string, client: TelemetryClient): ClientInstance {
    this.subscriptions.refresh();
    const { nowMs } = this;
    let instance = this.instances.get(id);
    if (instance !== undefined && instance.expiresAtMs <= nowMs) instance = undefined;
    if (instance === undefined || instance.version < this.subscriptions.version) {
      const attributes = instance?.attributes ?? attributesOf(id, client);
      instance = new ClientInstance(this.subscriptions.askedOf(id, attributes), this.subscriptions.version, attributes);
      this.forgetWith(client.connection, id);
    }
    instance.expiresAtMs = nowMs + Math.max(LEAST_EXPIRY_MS, INTERVALS_TO_EXPIRY * instance.asked.pushIntervalMs);
    this.instances.delete(id);
    this.instances.set(id, instance);
    this.dropOldest(nowMs);
    return instance;
  }

  private dropOldest(nowMs: number): void {
    for (const [id, { expiresAtMs }] of this.instances) {
      if (this.instances.size <= MAX_INSTANCES && expiresAtMs > nowMs) return;
      this.instances.delete(id);
    }
  }

  private forgetWith(connection: ClientConnection, id: string): void {
    const isNew = !this.connected.has(connection.id);
    this.connected.set(connection.id, id);
    if (!isNew) return;
    connection.onClosed(() => {
      this.instances.delete(this.connected.get(connection.id) ?? "");
      this.connected.delete(connection.id);
    });
  }
}

function attributesOf(clientInstanceId: string, { connection, clientId }: TelemetryClient): ClientAttributes {
  return {
    client_instance_id: clientInstanceId,
    client_id: clientId,
    client_software_name: connection.clientSoftwareName,
    client_software_version: connection.clientSoftwareVersion,
    client_source_address: connection.remoteHost,
    client_source_port: String(connection.remotePort),
  };
}
