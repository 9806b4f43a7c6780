/**
 * A broker's life as the controller knows it: registered, caught up, unfenced, running, in controlled shutdown (KIP-631).
 *
 * Owns: registration, heartbeats and the broker epoch. Leaves to the channel: where the controller is; to the node: what it does
 * when it runs or may stop.
 * Invariant: one heartbeat in flight; a stopped lifecycle sends nothing.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import {
  BrokerHeartbeat,
  BrokerRegistration,
  type BrokerRegistrationRequest,
} from "../../protocol/messages/broker-lifecycle.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { ControllerChannel } from "./controller-channel.ts";

type Registration = Omit<Encode<typeof BrokerRegistrationRequest>, "previousBrokerEpoch">;
type HeartbeatResponse = Decode<(typeof BrokerHeartbeat)["response"]>;

export interface BrokerLifecycleOptions {
  readonly channel: ControllerChannel;
  readonly clock: Clock;
  readonly log: Logger;
  /** Everything of the registration but the previous epoch. */
  registration(): Registration;
  /** Of the last clean shutdown; -1 after a crash. */
  readonly previousBrokerEpoch: number;
  /** Offset of the last metadata record applied here. */
  appliedOffset(): number;
  /** Ids of directories that failed. */
  offlineDirectories(): readonly string[];
  /** Ids of directories that take nothing new; null where that is not to be told. */
  cordonedDirectories(): readonly string[] | null;
  readonly heartbeatIntervalMs: number;
  /** initial.broker.registration.timeout.ms. */
  readonly registrationTimeoutMs: number;
}

type Phase =
  | "registering"
  /** Fenced, until the metadata up to its own registration has been applied. */
  | "catching-up"
  /** Caught up, but not ready to serve yet. */
  | "recovering"
  /** Asked to be unfenced; serves once it is. */
  | "unfencing"
  | "running"
  | "shutting-down"
  | "stopped";

const REGISTRATION_VERSION = 4;
const HEARTBEAT_VERSION = 2;
/** Between attempts at what a controller could not do yet. */
const RETRY_MS = 20;
const MAX_RETRY_MS = 1000;
/** While not running a broker asks this often how far it is. */
const STARTING_INTERVAL_MS = 10;

export class BrokerLifecycle {
  private readonly options: BrokerLifecycleOptions;
  private phase: Phase = "registering";
  private ready = false;
  private timer: Timer | undefined;
  private inFlight = false;
  private again = false;
  private retries = 0;
  brokerEpoch = -1;
  /** The controller has unfenced this incarnation: clients may be served. */
  onRunning: (() => void) | undefined;
  /** The controller has fenced a broker that was running, or unfenced it again. */
  onFencedChange: ((fenced: boolean) => void) | undefined;
  private onMayStop: (() => void) | undefined;
  private onRegistered: (() => void) | undefined;

  constructor(options: BrokerLifecycleOptions) {
    this.options = options;
    // A controller sees that we live by the connection that our heartbeats come on, from the first one on.
    options.channel.onLost = () => this.beatNow();
  }

  get isRunning(): boolean {
    return this.phase === "running";
  }

  /** Registers; resolves with the epoch the controller gave. @throws Error when it refuses for good or does not answer in time. */
  async register(): Promise<void> {
    const { clock, channel, registrationTimeoutMs, previousBrokerEpoch } = this.options;
    const deadlineMs = clock.monotonicMs() + registrationTimeoutMs;
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_MS)) {
      let problem: string;
      try {
        const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
        const request = { ...this.options.registration(), previousBrokerEpoch };
        const response = await channel.send(BrokerRegistration, REGISTRATION_VERSION, request, { timeoutMs: leftMs });
        if (this.phase === "stopped") return;
        if (response.errorCode === ErrorCode.NONE) {
          this.registered(response.brokerEpoch);
          return;
        }
        problem = errorName(response.errorCode) ?? String(response.errorCode);
        if (isFinal(response.errorCode)) throw new Error(`the controller refuses this broker: ${problem}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("the controller refuses")) throw error;
        problem = String(error);
      }
      if (this.phase === "stopped") return;
      if (clock.monotonicMs() + delayMs > deadlineMs) throw new Error(`no registration in time: ${problem}`);
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    }
  }

  private registered(brokerEpoch: number): void {
    this.brokerEpoch = brokerEpoch;
    if (this.phase === "registering") this.phase = "catching-up";
    this.onRegistered?.();
    this.heartbeat();
  }

  /** The node has loaded its logs and applied the metadata: it can serve. */
  nodeIsReady(): void {
    this.ready = true;
    if (this.phase === "recovering") this.phase = "unfencing";
    this.heartbeat();
  }

  /** Beats now instead of at the next interval: metadata came, the connection is back, a directory failed. */
  beatNow(): void {
    this.heartbeat();
  }

  /** Asks to leave in good order; resolves when the controller lets go, or after `timeoutMs`. */
  controlledShutdown(timeoutMs: number): Promise<void> {
    if (this.phase !== "running" && this.phase !== "unfencing" && this.phase !== "recovering") return Promise.resolve();
    this.phase = "shutting-down";
    return new Promise((resolve) => {
      const timer = this.options.clock.after(timeoutMs, () => this.onMayStop?.());
      this.onMayStop = () => {
        timer.cancel();
        this.onMayStop = undefined;
        resolve();
      };
      this.heartbeat();
    });
  }

  stop(): void {
    this.phase = "stopped";
    this.timer?.cancel();
    this.timer = undefined;
    this.onMayStop?.();
  }

  private heartbeat(): void {
    if (this.phase === "stopped" || this.brokerEpoch < 0) return;
    if (this.inFlight) {
      this.again = true;
      return;
    }
    this.timer?.cancel();
    this.timer = undefined;
    this.inFlight = true;
    const { channel, heartbeatIntervalMs } = this.options;
    const request = {
      ...{ brokerId: this.options.registration().brokerId, brokerEpoch: this.brokerEpoch },
      currentMetadataOffset: this.options.appliedOffset(),
      wantFence: this.phase === "catching-up" || this.phase === "recovering",
      wantShutDown: this.phase === "shutting-down",
      offlineLogDirs: this.options.offlineDirectories(),
      cordonedLogDirs: this.options.cordonedDirectories(),
    };
    channel.send(BrokerHeartbeat, HEARTBEAT_VERSION, request, { timeoutMs: heartbeatIntervalMs }).then(
      (response) => {
        this.inFlight = false;
        if (this.phase !== "stopped") this.answered(response);
      },
      () => {
        this.inFlight = false;
        if (this.phase === "stopped") return;
        // Nobody answered. Whoever comes back wants to hear of us at once.
        this.scheduleIn(Math.min(RETRY_MS * 2 ** Math.min(this.retries++, 6), heartbeatIntervalMs));
      },
    );
  }

  private answered(response: HeartbeatResponse): void {
    switch (response.errorCode) {
      case ErrorCode.NONE:
        this.retries = 0;
        this.progress(response);
        return;
      case ErrorCode.STALE_BROKER_EPOCH:
      case ErrorCode.BROKER_ID_NOT_REGISTERED:
        this.registerAgain();
        return;
      default:
        this.scheduleIn(Math.min(RETRY_MS * 2 ** Math.min(this.retries++, 6), this.options.heartbeatIntervalMs));
    }
  }

  private progress(response: HeartbeatResponse): void {
    if (this.phase === "shutting-down") {
      if (response.shouldShutDown) this.onMayStop?.();
      else this.next(STARTING_INTERVAL_MS);
      return;
    }
    if (this.phase === "catching-up" && response.isCaughtUp) this.phase = this.ready ? "unfencing" : "recovering";
    if (this.phase === "unfencing" && !response.isFenced) {
      this.phase = "running";
      this.onRunning?.();
      this.onFencedChange?.(false);
    } else if (this.phase === "running" && response.isFenced) {
      // We were silent for too long. We are alive, and say so.
      this.phase = "unfencing";
      this.onFencedChange?.(true);
    }
    const starting = this.phase === "catching-up" || this.phase === "unfencing";
    this.next(starting ? STARTING_INTERVAL_MS : this.options.heartbeatIntervalMs);
  }

  private next(delayMs: number): void {
    if (this.again) {
      this.again = false;
      this.heartbeat();
    } else {
      this.scheduleIn(delayMs);
    }
  }

  private scheduleIn(delayMs: number): void {
    this.again = false;
    this.timer?.cancel();
    this.timer = this.options.clock.after(delayMs, () => {
      this.timer = undefined;
      this.heartbeat();
    });
  }

  /** The controller does not know this epoch any more (another incarnation, an unregistration): a new one is asked for. */
  private registerAgain(): void {
    this.options.log.warn(
      { brokerEpoch: this.brokerEpoch },
      "the controller does not know this broker epoch: registering anew",
    );
    this.brokerEpoch = -1;
    if (this.phase !== "shutting-down") this.phase = "registering";
    this.register().catch((error: unknown) => {
      this.options.log.error({ err: error }, "registering anew failed");
    });
  }
}

/** Codes no waiting mends. */
function isFinal(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.INCONSISTENT_CLUSTER_ID ||
    errorCode === ErrorCode.UNSUPPORTED_VERSION ||
    errorCode === ErrorCode.INVALID_REGISTRATION
  );
}
