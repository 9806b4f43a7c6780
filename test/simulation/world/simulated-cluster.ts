/**
 * A whole cluster on simulated seams: every node a machine of its own with a disk, a clock and a place on the network.
 *
 * Owns: what may be done to the nodes: killed, without power, started again, paused, cut off, their clocks set. Leaves to
 * RunningCluster: the nodes themselves, which are those of production.
 */
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import type { BrokerConfig } from "../../../broker/config/broker-configs.ts";
import { LoggerLevels } from "../../../broker/config/logger-levels.ts";
import type { Address } from "../../../broker/network/network.ts";
import type { ClusterNode } from "../../../cluster/cluster-node.ts";
import type { Environment } from "../../../cluster/environment.ts";
import { ClusterFaults } from "../../../cluster/faults/cluster-faults.ts";
import type { Fault } from "../../../cluster/faults/fault-rules.ts";
import { RunningCluster } from "../../../cluster/running-cluster.ts";
import type { Logger } from "../../../storage/logger.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";
import { type LinkDelays, Links } from "../network/links.ts";
import { type NetworkHabits, type NetworkHost, SimulatedNetwork } from "../network/simulated-network.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { CrashOptions, SimulatedDisk } from "../simulated-disk.ts";
import type { Incarnation, Simulation } from "../simulation.ts";

export interface SimulatedClusterOptions {
  readonly nodes: number;
  /** Broker settings by Kafka's names. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly racks?: readonly string[];
  readonly delays?: LinkDelays;
  readonly habits?: Partial<NetworkHabits>;
  readonly fastDetection?: boolean;
  /** Told of each log line with the node's name. */
  readonly log?: (node: string, level: keyof Logger, fields: object, message: string) => void;
}

export const CONTROLLER = "controller";

const GOOD_HABITS: NetworkHabits = { splitChance: 0, windowBytes: 65536, lossChance: 0 };
/** Buffers released to it are overwritten at once; what is kept beyond is of no use to a short run. */
const POOL_BYTES = 8 * 1024 * 1024;

export class SimulatedCluster {
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly running: RunningCluster;
  /** Errors of production code that nothing in a simulation excuses. */
  readonly failures: Error[] = [];
  /** Settings every node starts with. */
  readonly settings: BrokerConfig;
  /** What the product itself can do wrong on purpose. */
  private readonly faults: ClusterFaults;
  private readonly losses: Fault[] = [];
  private readonly answerRandom: SeededRandom;
  private readonly machines = new Map<string, Incarnation>();
  private readonly powerLosses = new Map<string, CrashOptions>();
  private readonly options: SimulatedClusterOptions;
  readonly pool = new BufferPool({ maxIdleBytes: POOL_BYTES, poison: true });

  constructor(simulation: Simulation, options: SimulatedClusterOptions) {
    this.simulation = simulation;
    this.options = options;
    const random = simulation.generator("network");
    this.answerRandom = simulation.generator("answers");
    this.faults = new ClusterFaults(simulation.boot("faults").clock);
    this.network = new SimulatedNetwork({
      ...{ scheduler: simulation.scheduler, random },
      habits: { ...GOOD_HABITS, ...options.habits },
      links: new Links(random, options.delays ?? { latencyMs: 0.2, jitterMs: 0.3 }),
    });
    this.settings = new BrokerConfigLayers(settingsOf(options, 1)).settings;
    this.running = this.makeCluster();
  }

  private makeCluster(): RunningCluster {
    const { nodes, fastDetection } = this.options;
    return new RunningCluster({
      nodes: Array.from({ length: nodes }, (_, index) => {
        const nodeId = index + 1;
        const name = nodeName(nodeId);
        const texts = settingsOf(this.options, nodeId);
        return {
          nodeId,
          environment: this.environmentOf(name),
          config: () => new BrokerConfigLayers(texts),
          listeners: [
            {
              ...{ name: "PLAINTEXT", securityProtocol: "PLAINTEXT", hosts: [HOST], port: 0 },
              advertised: { host: HOST, port: undefined },
            },
          ],
          crashDisk: ({ powerLoss }) => this.crashDisk(name, powerLoss),
        };
      }),
      controller: {
        environment: this.environmentOf(CONTROLLER),
        directory: "/data/controller",
        crashDisk: ({ powerLoss }) => this.crashDisk(CONTROLLER, powerLoss),
      },
      loggerLevels: new LoggerLevels("INFO", () => {}),
      ...(fastDetection === undefined ? {} : { fastDetection }),
      hooks: { onUnexpectedError: (error) => this.fail(error) },
      faults: this.faults,
      onFailure: (error) => this.fail(error),
    });
  }

  /** The work is done and nobody hears of it, with a probability; until healed. */
  loseAnswers(nodeId: number, probability: number): void {
    const seed = this.answerRandom.below(2 ** 31);
    for (const api of LOSABLE) {
      this.losses.push(this.faults.rules.add({ api, node: nodeId, drop: "after", probability, seed }));
    }
  }

  loseNoAnswers(nodeId?: number): void {
    for (const loss of this.losses) if (nodeId === undefined || loss.rule.node === nodeId) loss.remove();
  }

  get lostAnswers(): number {
    return this.losses.reduce((sum, { fired }) => sum + fired, 0);
  }

  private fail(error: unknown): void {
    this.failures.push(error instanceof Error ? error : new Error(String(error)));
  }

  private environmentOf(name: string): Environment {
    const machine = this.simulation.boot(name);
    this.machines.set(name, machine);
    const { clock, random, disk, compute } = machine;
    const network = this.network.host(machine);
    return { clock, random, disk, compute, network, pool: this.pool, logger: this.loggerOf(name) };
  }

  private loggerOf(name: string): Logger {
    const { log } = this.options;
    if (log === undefined) return SILENT_LOGGER;
    const at = (level: keyof Logger) => (fields: object, message: string) => log(name, level, fields, message);
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  /** A place on the network for a client, with a clock and randomness of its own. */
  clientMachine(name: string): { readonly machine: Incarnation; readonly host: NetworkHost } {
    const machine = this.simulation.boot(name);
    this.machines.set(name, machine);
    return { machine, host: this.network.host(machine) };
  }

  get nodeIds(): readonly number[] {
    return this.running.nodes.map(({ id }) => id);
  }

  /** Where clients begin. */
  get bootstrap(): readonly Address[] {
    return this.running.addresses;
  }

  node(id: number): ClusterNode {
    const node = this.running.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  disk(id: number): SimulatedDisk {
    return this.simulation.disk(nodeName(id));
  }

  machine(name: string): Incarnation {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  /** As SIGKILL: the process is gone, its machine resets its connections and refuses new ones. */
  kill(id: number): void {
    this.goOn(nodeName(id));
    void this.node(id).kill();
  }

  /** The machine is dark: its peers hear nothing, and what was not synced may be lost. */
  cutPower(id: number, crash: Partial<CrashOptions> = {}): void {
    const name = nodeName(id);
    this.goOn(name);
    this.network.powerOff(name);
    this.powerLosses.set(name, { ...crash, powerLoss: true });
    if (this.node(id).state === "stopped" || this.node(id).state === "failed") this.crashDisk(name, true);
    else void this.node(id).kill({ powerLoss: true });
  }

  /** Starts a node that does not run; resolves when it serves. @throws what keeps it from that. */
  async start(id: number): Promise<void> {
    this.network.powerOn(nodeName(id));
    await this.node(id).start();
  }

  /** With one node there is no controller to kill but the node. */
  killController({ powerLoss }: { readonly powerLoss: boolean }): void {
    this.goOn(CONTROLLER);
    if (powerLoss) this.network.powerOff(CONTROLLER);
    this.running.controller?.kill({ powerLoss });
  }

  async startController(): Promise<void> {
    this.network.powerOn(CONTROLLER);
    await this.running.controller?.start();
  }

  /** The loop stands still: timers are late, sockets stay open and unread. */
  pause(name: string, durationMs: number): void {
    this.simulation.stall(name, durationMs);
  }

  /** A killed process does not stand still. */
  private goOn(name: string): void {
    this.machine(name).stalledUntilMs = 0;
  }

  /** Both ways, for as long as it is not healed. */
  cut(a: string, b: string): void {
    this.network.links.cut(a, b);
    this.network.links.cut(b, a);
  }

  /** Cuts a machine off from all nodes; clients still reach it. */
  isolate(name: string): void {
    for (const other of this.serverNames) if (other !== name) this.cut(name, other);
  }

  get serverNames(): readonly string[] {
    const own = this.running.controller === undefined ? [] : [CONTROLLER];
    return [...this.nodeIds.map(nodeName), ...own];
  }

  private crashDisk(name: string, powerLoss: boolean): void {
    this.simulation.disk(name).crash(powerLoss ? (this.powerLosses.get(name) ?? { powerLoss }) : { powerLoss });
    this.powerLosses.delete(name);
  }
}

const HOST = "127.0.0.1";
/** Whose answers are lost: what clients ask again. */
const LOSABLE = [
  ...["Produce", "InitProducerId", "Fetch", "ListOffsets", "CreateTopics", "DeleteTopics", "DeleteRecords"],
  ...["AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "WriteTxnMarkers"],
];

export function nodeName(id: number): string {
  return `n${id}`;
}

function settingsOf(options: SimulatedClusterOptions, nodeId: number): ReadonlyMap<string, string> {
  const { nodes, racks, settings = {} } = options;
  const rack = racks?.[nodeId - 1];
  const replicas = String(Math.min(nodes, 3));
  return new Map([
    ["offsets.topic.replication.factor", replicas],
    ["offsets.topic.num.partitions", "2"],
    ["transaction.state.log.replication.factor", replicas],
    ["transaction.state.log.num.partitions", "2"],
    ["transaction.state.log.min.isr", String(Math.min(nodes, 2))],
    ["group.initial.rebalance.delay.ms", "0"],
    ...Object.entries(settings),
    ...(rack === undefined ? [] : [["broker.rack", rack] as const]),
    ["node.id", String(nodeId)],
    ["process.roles", "broker,controller"],
    ["controller.listener.names", "CONTROLLER"],
    ["log.dirs", "/data/logs"],
  ]);
}
