/**
 * Metadata of a combined node: what the controller beside the broker commits.
 */
import type { Controller } from "../controller/controller.ts";
import type { ClusterDelta, ClusterImage } from "../metadata/cluster-image.ts";
import type { MetadataSource } from "./metadata-source.ts";

export class OwnMetadata implements MetadataSource {
  private readonly controller: Controller;
  private end: (() => void) | undefined;
  onFailure: ((error: unknown) => void) | undefined;

  constructor(controller: Controller) {
    this.controller = controller;
  }

  get image(): ClusterImage {
    return this.controller.image;
  }

  start(onDelta: (delta: ClusterDelta) => void): Promise<void> {
    this.end = this.controller.onCommit(onDelta);
    return Promise.resolve();
  }

  /** The controller ends with the broker: it is one node. */
  async stop(): Promise<void> {
    this.end?.();
    await this.controller.stop();
  }
}
