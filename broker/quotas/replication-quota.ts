/**
 * How fast replicas that are throttled may be copied, on one side of the copying (KIP-73).
 *
 * Owns: the rate over the last windows, and which replicas the configs of their topics name. Leaves to the data path: leaving out
 * what is throttled and not in sync while the quota is exceeded, and recording what went.
 */
import type { Clock } from "../../storage/clock.ts";
import { type MetadataImage, ResourceType } from "../metadata/metadata-image.ts";

export type QuotaSide = "leader" | "follower";

export interface ReplicationQuotaOptions {
  readonly side: QuotaSide;
  readonly brokerId: number;
  readonly clock: Clock;
  image(): MetadataImage;
  /** leader.replication.throttled.rate and the like, as it is set now; undefined: not at all. */
  rateText(): string | undefined;
  /** replication.quota.window.num, replication.quota.window.size.seconds. */
  readonly windows: { readonly count: number; readonly sizeMs: number };
}

interface Window {
  readonly startMs: number;
  bytes: number;
}

export class ReplicationQuota {
  private readonly options: ReplicationQuotaOptions;
  private readonly configName: string;
  /** Oldest first. */
  private windows: Window[] = [];
  /** The partitions that a topic's config names, by its text. */
  private readonly named = new Map<string, ReadonlySet<string> | "all">();

  constructor(options: ReplicationQuotaOptions) {
    this.options = options;
    this.configName = `${options.side}.replication.throttled.replicas`;
  }

  /** Bytes a second; Infinity without a quota. */
  get rate(): number {
    const text = this.options.rateText();
    const rate = text === undefined ? Number.POSITIVE_INFINITY : Number(text);
    return Number.isFinite(rate) && rate < Number.MAX_SAFE_INTEGER ? rate : Number.POSITIVE_INFINITY;
  }

  /** False: nothing is throttled, whatever topics say. */
  get isSet(): boolean {
    return this.options.rateText() !== undefined && this.rate !== Number.POSITIVE_INFINITY;
  }

  /** Whether this replica is among those that count, and are held back. */
  isThrottled(topic: string, partition: number): boolean {
    const text = this.options.image().configsOf(ResourceType.TOPIC, topic).get(this.configName);
    if (text === undefined || text === "") return false;
    const named = this.namedIn(text);
    return named === "all" || named.has(`${partition}:${this.options.brokerId}`);
  }

  get isExceeded(): boolean {
    const nowMs = this.options.clock.monotonicMs();
    this.dropOld(nowMs);
    const [oldest] = this.windows;
    if (oldest === undefined) return false;
    const elapsedMs = Math.max(nowMs - oldest.startMs, this.options.windows.sizeMs);
    const bytes = this.windows.reduce((sum, window) => sum + window.bytes, 0);
    return (bytes * 1000) / elapsedMs > this.rate;
  }

  /** So many bytes of throttled replicas were copied. */
  record(bytes: number): void {
    if (bytes === 0) return;
    const nowMs = this.options.clock.monotonicMs();
    const last = this.windows.at(-1);
    if (last !== undefined && nowMs - last.startMs < this.options.windows.sizeMs) last.bytes += bytes;
    else this.windows.push({ startMs: nowMs, bytes });
    this.dropOld(nowMs);
  }

  private dropOld(nowMs: number): void {
    const { count, sizeMs } = this.options.windows;
    while (this.windows[0] !== undefined && nowMs - this.windows[0].startMs >= count * sizeMs) this.windows.shift();
  }

  private namedIn(text: string): ReadonlySet<string> | "all" {
    const known = this.named.get(text);
    if (known !== undefined) return known;
    const named = text.trim() === "*" ? "all" : new Set(text.split(",").map((one) => one.trim()));
    // Few topics are on the move at once; those of before are asked for no more.
    if (this.named.size > MAX_NAMED) this.named.clear();
    this.named.set(text, named);
    return named;
  }
}

const MAX_NAMED = 1000;
