/**
 * Everything a node may touch outside its own memory. The real machine's in production, the simulation's under test.
 */
import type { Network } from "../broker/network/network.ts";
import type { Clock } from "../storage/clock.ts";
import type { Compute } from "../storage/compute.ts";
import type { Disk } from "../storage/disk.ts";
import type { Logger } from "../storage/logger.ts";
import type { Random } from "../storage/random.ts";
import type { BufferPool } from "../storage/shared-buffer.ts";

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly compute: Compute;
  readonly logger: Logger;
  /** Memory for frames and cold reads. */
  readonly pool: BufferPool;
}
