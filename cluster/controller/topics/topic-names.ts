/**
 * Which topic names collide: "." and "_" are one and the same in the names of metrics.
 *
 * Derived from the image; kept by apply alone.
 */
import { collisionKey } from "../../../broker/metadata/topic-name.ts";
import type { ClusterDelta, ClusterImage } from "../../metadata/cluster-image.ts";

const COLLIDING = /[._]/;

export class TopicNames {
  private readonly byKey = new Map<string, Set<string>>();

  static of(image: ClusterImage): TopicNames {
    const names = new TopicNames();
    for (const name of image.topics.keys()) names.add(name);
    return names;
  }

  apply({ image, previous, changedTopicIds }: ClusterDelta): void {
    for (const id of changedTopicIds) {
      const before = previous.topicsById.get(id)?.name;
      const after = image.topicsById.get(id)?.name;
      if (before === after) continue;
      if (before !== undefined && !image.topics.has(before)) this.delete(before);
      if (after !== undefined) this.add(after);
    }
  }

  /** A topic whose name differs in "." and "_" alone. */
  collidingWith(name: string): string | undefined {
    if (!COLLIDING.test(name)) return undefined;
    const [first] = this.byKey.get(collisionKey(name)) ?? [];
    return first;
  }

  private add(name: string): void {
    if (!COLLIDING.test(name)) return;
    const key = collisionKey(name);
    const names = this.byKey.get(key);
    if (names === undefined) this.byKey.set(key, new Set([name]));
    else names.add(name);
  }

  private delete(name: string): void {
    const key = collisionKey(name);
    const names = this.byKey.get(key);
    names?.delete(name);
    if (names?.size === 0) this.byKey.delete(key);
  }
}
