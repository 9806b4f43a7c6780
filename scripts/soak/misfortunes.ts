/**
 * What happens to a soak's cluster besides kills: a node stands still for a while, ways between two nodes are cut.
 *
 * Shorter and longer than a follower may lag and than a broker's session lasts: both sides of each deadline are met.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../test/support/seeded-random.ts";
import { NODES, type SoakCluster } from "./soak-cluster.ts";

export type Misfortune = "pause" | "cut" | "one-way cut";

const MIN_MS = 200;
const MAX_MS = 5000;

/** One of them, from its beginning to its end. */
export async function misfortune(
  cluster: SoakCluster,
  random: SeededRandom,
  say: (what: string) => void,
): Promise<Misfortune> {
  const forMs = MIN_MS + random.below(MAX_MS - MIN_MS);
  const node = 1 + random.below(NODES);
  if (random.oneIn(2)) {
    say(`node ${node} stands still for ${forMs} ms`);
    await cluster.pause(node);
    await sleep(forMs);
    await cluster.resume(node);
    return "pause";
  }
  const other = ((node - 1 + 1 + random.below(NODES - 1)) % NODES) + 1;
  const oneWay = random.oneIn(2);
  say(`the way from ${node} to ${other}${oneWay ? "" : " and back"} is cut for ${forMs} ms`);
  await cluster.cut(node, other, oneWay);
  await sleep(forMs);
  await cluster.heal();
  return oneWay ? "one-way cut" : "cut";
}
