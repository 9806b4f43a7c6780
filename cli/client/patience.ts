/**
 * Trying again until it works or the time is up: leaders move, coordinators load, topics come into being.
 *
 * Owns: which failures pass by themselves, and how long to wait in between. A failure that does not pass is thrown at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { RpcError } from "../../broker/network/rpc-error.ts";
import { isRetriable } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";

/** As long as an operation may take when nobody says otherwise. */
export const DEFAULT_PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** A failure that passes by itself: another leader, another coordinator, another connection. */
export function passes(error: unknown): boolean {
  if (error instanceof RpcError) return error.kind === "disconnected" || error.kind === "timeout";
  return error instanceof KafkaError && isRetriable(error.code);
}

export interface Patience {
  readonly patienceMs?: number;
  /** Looked at after each failure; true gives up. */
  readonly isOver?: () => boolean;
}

/** Runs `attempt` until it succeeds; whatever it threw last when the time is up. `forget` drops what may have grown stale. */
export async function patiently<T>(
  attempt: () => Promise<T>,
  forget: () => void,
  { patienceMs = DEFAULT_PATIENCE_MS, isOver = () => false }: Patience = {},
): Promise<T> {
  const deadlineMs = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!passes(error) || isOver() || performance.now() + pauseMs > deadlineMs) throw error;
    }
    forget();
    await sleep(pauseMs);
  }
}
