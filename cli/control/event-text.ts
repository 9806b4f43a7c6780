/**
 * An event of a cluster as people read it.
 */
import type { ClusterEvent } from "../../cluster/cluster-events.ts";

export function eventText(event: ClusterEvent): string {
  switch (event.type) {
    case "node-down":
      return `node ${event.node} is down (${event.how})`;
    case "node-fenced":
      return `node ${event.node} is fenced`;
    case "node-up":
      return `node ${event.node} is in service`;
    case "node-paused":
      return `node ${event.node} is paused`;
    case "node-resumed":
      return `node ${event.node} goes on`;
    case "leader-moved": {
      const { topic, partition, from, to, leaderEpoch, msSinceDown } = event;
      const after = msSinceDown === undefined ? "" : `, ${Math.round(msSinceDown)} ms after it went down`;
      return `${topic}-${partition} is led by ${to === -1 ? "nobody" : to}, before by ${from === -1 ? "nobody" : from} (epoch ${leaderEpoch}${after})`;
    }
    case "isr-changed": {
      const { topic, partition, inSyncReplicas, joined, left } = event;
      const changes = [...joined.map((id) => `+${id}`), ...left.map((id) => `-${id}`)].join(" ");
      return `${topic}-${partition} is in sync on ${inSyncReplicas.join(",")} (${changes})`;
    }
    case "link-changed":
      return `${event.from} -> ${event.to} is ${event.cut ? "cut" : event.delayMs > 0 ? `${event.delayMs} ms slower` : "open"}`;
    case "fault-fired":
      return `fault ${event.fault} struck (${event.fired})`;
    case "high-watermark":
      return `${event.topic}-${event.partition} has its high watermark at ${event.highWatermark} on ${event.node}`;
  }
}
