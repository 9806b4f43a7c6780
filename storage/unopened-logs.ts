/**
 * Logs that a full disk kept from being opened, or from being made: they are opened once there is room.
 *
 * Owns: which they are. Leaves to LogUpkeep: when they are tried again; to LogDirectories: what becomes of those that open.
 */
import { DiskError } from "./disk.ts";
import type { HostedLog } from "./hosted-logs.ts";
import type { SegmentedLog } from "./log/segmented-log.ts";
import type { FailedLog } from "./log-loading.ts";

export interface UnopenedPorts {
  readonly hasRoom: (log: FailedLog) => boolean;
  /** @throws DiskError, KafkaError */
  readonly open: (log: FailedLog) => Promise<SegmentedLog>;
  /** It is there. */
  readonly opened: (hosted: HostedLog) => void;
  /** It is not for want of room any more that it cannot be opened. */
  readonly failed: (name: string, error: Error) => void;
}

export class UnopenedLogs {
  private readonly ports: UnopenedPorts;
  private readonly logs = new Map<string, FailedLog>();

  constructor(ports: UnopenedPorts) {
    this.ports = ports;
  }

  get isEmpty(): boolean {
    return this.logs.size === 0;
  }

  /** Takes in one that failed, if it was for want of room; false for another reason. */
  take(name: string, log: FailedLog): boolean {
    if (!(log.error instanceof DiskError) || log.error.kind !== "full") return false;
    this.logs.set(name, log);
    return true;
  }

  /** Opens what there is room for. Returns whether any is open now. */
  async tryAgain(): Promise<boolean> {
    let any = false;
    for (const [name, log] of [...this.logs]) {
      if (log.directory.failure !== undefined) this.logs.delete(name);
      else if (this.ports.hasRoom(log) && (await this.open(name, log))) any = true;
    }
    return any;
  }

  private async open(name: string, log: FailedLog): Promise<boolean> {
    try {
      const opened = await this.ports.open(log);
      this.logs.delete(name);
      this.ports.opened({ name, directory: log.directory, log: opened });
      return true;
    } catch (error) {
      if (error instanceof DiskError && error.kind === "full") return false;
      this.logs.delete(name);
      this.ports.failed(name, error as Error);
      return false;
    }
  }
}
