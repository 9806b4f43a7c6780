/**
 * One node of a cluster, and its controller, as tests handle them.
 */
import type { ClusterNode, NodeState } from "./cluster-node.ts";
import type { RunningCluster } from "./running-cluster.ts";

export interface NodeHandle {
  readonly id: number;
  readonly state: NodeState;
  /** "host:port" */
  readonly address: string;
  /** As SIGKILL: sockets are reset, no goodbye. Written bytes survive; with `powerLoss` only synced ones. */
  kill(options?: { readonly powerLoss?: boolean }): Promise<void>;
  /** Controlled shutdown. */
  stop(): Promise<void>;
  /** Starts a node that was killed or stopped, or stops and starts a running one; resolves when it serves. */
  restart(): Promise<void>;
  /** As SIGSTOP: sockets stay open and unread, connects succeed, nothing is answered. @throws Error it does not run. */
  pause(): Promise<void>;
  /** As SIGCONT: goes on, late timers first come first; resolves when it has caught up with what waited in it. */
  resume(): Promise<void>;
}

export interface ControllerHandle extends Omit<NodeHandle, "id" | "state" | "address"> {
  readonly isRunning: boolean;
  readonly isPaused: boolean;
}

export function nodeHandle({ events }: RunningCluster, node: ClusterNode): NodeHandle {
  return {
    id: node.id,
    get state() {
      return node.state;
    },
    get address() {
      const [address] = node.addresses;
      return address === undefined ? "" : `${address.host}:${address.port}`;
    },
    kill: (options) => {
      events.emit({ type: "node-down", node: node.id, how: "killed" });
      return node.kill(options);
    },
    stop: async () => {
      await node.stop();
      events.emit({ type: "node-down", node: node.id, how: "stopped" });
    },
    restart: () => node.restart(),
    pause: async () => {
      await node.pause();
      events.emit({ type: "node-paused", node: node.id });
    },
    resume: async () => {
      const wasPaused = node.isPaused;
      await node.resume();
      if (wasPaused) events.emit({ type: "node-resumed", node: node.id });
    },
  };
}

/** The controller's own node; with one node it is that node's. */
export function controllerHandle(running: RunningCluster, only: NodeHandle): ControllerHandle {
  const { controller } = running;
  if (controller === undefined) {
    return {
      ...only,
      get isRunning() {
        return only.state === "running" || only.state === "paused";
      },
      get isPaused() {
        return only.state === "paused";
      },
    };
  }
  return {
    get isRunning() {
      return controller.isRunning;
    },
    get isPaused() {
      return controller.isPaused;
    },
    kill: (options) => {
      controller.kill(options);
      return Promise.resolve();
    },
    stop: () => controller.stop(),
    restart: () => controller.restart(),
    pause: async () => controller.pause(),
    resume: () => controller.resume(),
  };
}
