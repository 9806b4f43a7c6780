/** Work off the loop, in simulation: done here, finished at a virtual time that the seed draws. */
import { type Compute, ComputeRefused, type ComputeTask } from "../../storage/compute.ts";
import type { Later } from "./simulated-disk.ts";

export class SimulatedCompute implements Compute {
  private readonly later: Later;
  private readonly latencyMs: () => number;
  private closed = false;

  constructor(later: Later, latencyMs: () => number) {
    this.later = later;
    this.latencyMs = latencyMs;
  }

  run<T>(task: ComputeTask<T>): Promise<T> {
    if (this.closed) return Promise.reject(new ComputeRefused("the compute is closed"));
    return new Promise((resolve, reject) => {
      this.later(`compute ${task.kind}`, this.latencyMs(), () => {
        if (this.closed) return reject(new ComputeRefused("the compute is closed"));
        try {
          resolve(task.run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
