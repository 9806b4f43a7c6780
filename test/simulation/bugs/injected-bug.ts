/**
 * A bug of Kafka's history, put back on purpose to see that the simulation finds it.
 *
 * Owns: how a method of a production class is replaced for one run, and put back. Production code knows nothing of it.
 */
import type { SimulatedCluster } from "../world/simulated-cluster.ts";

export interface InjectedBug {
  /** The scenario that it breaks, as R33. */
  readonly name: string;
  readonly what: string;
  /** Puts it into the code of every node; what it returns takes it out again. */
  inject(cluster: SimulatedCluster): () => void;
}

/** Replaces a method until the returned function is called; `original` is what it was. */
export function replaceMethod<T extends object, K extends keyof T>(
  prototype: T,
  method: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = prototype[method];
  prototype[method] = make(original);
  return () => {
    prototype[method] = original;
  };
}
