/**
 * A node that has a process to itself: a kill is SIGKILL, a pause SIGSTOP. The supervisor's side of it.
 *
 * Owns: the node's state, what it last reported, what it was asked and has not answered. Leaves to ProcessHost: processes; to
 * ChildNode, at the other end of the channel: the node. The ports of the first life stay those of the later ones.
 */
import type { Address } from "../../broker/network/network.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { NodeListener } from "../broker-listeners.ts";
import type { NodeState } from "../cluster-node.ts";
import type { ManagedNode, ReplicaMarks } from "../managed-node.ts";
import type { NodeProcess, ProcessHost } from "./process-host.ts";
import type { FaultState, FromNode, NodeOrder, NodeReport } from "./process-messages.ts";

export interface ProcessNodeOptions {
  readonly host: ProcessHost;
  readonly clock: Clock;
  readonly listeners: readonly NodeListener[];
  /** For a life: settings and controller as they are now. */
  order(): Omit<NodeOrder, "nodeId" | "listeners" | "faults">;
  /** What is wrong on purpose now. */
  faultState(): FaultState;
  onReport(report: NodeReport): void;
  /** The node dials another from this port, or does no more. */
  onDialling(port: number, isOpen: boolean): void;
  /** Somebody can be asked to let it go. */
  hasController(): boolean;
  /** It serves, where its listeners say: others have to know. */
  onRunning(ports: readonly number[]): void;
  /** Its process ended by itself. */
  onFailure(error: Error): void;
}

type Answer = Extract<FromNode, { readonly type: "answer" }>;

interface Life {
  readonly process: NodeProcess;
  readonly ended: Promise<void>;
  isOver: boolean;
  isExpected: boolean;
}

/** A node that says nothing for so long stands still, or is about to. */
const ANSWER_MS = 1000;
/** Controlled shutdown and closing of logs; past it the process is ended. */
const STOP_MS = 40_000;

export class ProcessNode implements ManagedNode {
  readonly id: number;
  private readonly options: ProcessNodeOptions;
  private listeners: readonly NodeListener[];
  private current: NodeState = "stopped";
  private life: Life | undefined;
  private readonly pauses = new Set<string>();
  private readonly asked = new Map<number, (answer: Answer | undefined) => void>();
  private nextRequest = 1;
  private settleStart: ((error: Error | undefined) => void) | undefined;
  private readonly highWatermarks = new Map<string, number>();
  appliedOffset = -1;
  partitionCount = 0;

  constructor(id: number, options: ProcessNodeOptions) {
    this.id = id;
    this.options = options;
    this.listeners = options.listeners;
  }

  get state(): NodeState {
    return this.current === "running" && this.isPaused ? "paused" : this.current;
  }

  get isPaused(): boolean {
    return this.pauses.size > 0;
  }

  get hasLife(): boolean {
    return this.life !== undefined;
  }

  get processId(): number | undefined {
    return this.life?.process.id;
  }

  get addresses(): readonly Address[] {
    return this.listeners.flatMap(({ advertised }) =>
      advertised?.port === undefined ? [] : [{ host: advertised.host, port: advertised.port }],
    );
  }

  async start(): Promise<void> {
    if (this.life !== undefined) throw new Error(`node ${this.id} is ${this.current}`);
    this.current = "starting";
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const started = new Promise<Error | undefined>((resolve) => {
      this.settleStart = resolve;
    });
    const process = this.options.host.start({
      message: (message) => this.onMessage(life, message),
      ended: (how) => {
        this.onEnd(life, how);
        end();
      },
    });
    const life: Life = { process, ended, isOver: false, isExpected: false };
    this.life = life;
    const failure = await started;
    if (failure !== undefined) throw failure;
  }

  async stop(): Promise<void> {
    const { life } = this;
    if (life === undefined || this.current !== "running") return;
    await this.goOn();
    this.current = "stopping";
    life.isExpected = true;
    life.process.send({ type: "stop", hasController: this.options.hasController() });
    const timer = this.options.clock.after(STOP_MS, () => life.process.signal("SIGKILL"));
    await life.ended;
    timer.cancel();
  }

  async kill(): Promise<void> {
    const { life } = this;
    if (life === undefined) return;
    life.isExpected = true;
    life.process.signal("SIGKILL");
    await life.ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async pause(reason = "asked"): Promise<void> {
    if (this.life === undefined) throw new Error(`node ${this.id} is ${this.current}`);
    this.pauses.add(reason);
    this.life.process.signal("SIGSTOP");
    await this.life.process.whenStopped();
  }

  async resume(reason = "asked"): Promise<void> {
    if (this.pauses.delete(reason) && this.pauses.size === 0) this.life?.process.signal("SIGCONT");
  }

  async marksOf(topic: string): Promise<ReadonlyMap<number, ReplicaMarks> | undefined> {
    const answer = await this.ask((request) => ({ type: "marks", request, topic }));
    return answer?.marks === undefined ? undefined : new Map(answer.marks);
  }

  async applyFaults(): Promise<void> {
    await this.ask((request) => ({ type: "faults", request, state: this.options.faultState() }));
  }

  leads(): undefined {
    return undefined;
  }

  highWatermarkOf(topic: string, partition: number): number | undefined {
    return this.highWatermarks.get(`${topic}-${partition}`);
  }

  /** Undefined: there is nobody, or he does not answer. One who stands still is told all the same: he hears of it when he goes on. */
  private ask(message: (request: number) => Parameters<NodeProcess["send"]>[0]): Promise<Answer | undefined> {
    const { life } = this;
    if (life === undefined || this.current !== "running") return Promise.resolve(undefined);
    const request = this.nextRequest++;
    life.process.send(message(request));
    if (this.isPaused) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const settle = (answer: Answer | undefined): void => {
        timer?.cancel();
        this.asked.delete(request);
        resolve(answer);
      };
      timer = this.options.clock.after(ANSWER_MS, () => settle(undefined));
      this.asked.set(request, settle);
    });
  }

  private async goOn(): Promise<void> {
    for (const reason of [...this.pauses]) await this.resume(reason);
  }

  private onMessage(life: Life, message: FromNode): void {
    if (life.isOver) return;
    switch (message.type) {
      case "hello": {
        const { listeners } = this;
        const order = { ...this.options.order(), nodeId: this.id, listeners, faults: this.options.faultState() };
        life.process.send({ type: "start", order });
        return;
      }
      case "running":
        this.listeners = message.listeners;
        this.current = "running";
        this.options.onRunning(portsOf(this.listeners));
        this.settle(undefined);
        return;
      case "failed":
        if (this.current === "starting") this.settle(new Error(message.reason));
        else if (!life.isExpected) this.options.onFailure(new Error(message.reason));
        life.isExpected = true;
        return;
      case "report":
        this.onReport(message.report);
        return;
      case "dialling":
        this.options.onDialling(message.port, message.isOpen);
        return;
      case "answer":
        this.asked.get(message.request)?.(message);
    }
  }

  private onReport(report: NodeReport): void {
    this.appliedOffset = report.appliedOffset;
    this.partitionCount = report.partitionCount;
    for (const { topic, partition, highWatermark } of report.highWatermarks) {
      this.highWatermarks.set(`${topic}-${partition}`, highWatermark);
    }
    this.options.onReport(report);
  }

  private onEnd(life: Life, how: string): void {
    life.isOver = true;
    if (this.life === life) this.life = undefined;
    this.pauses.clear();
    this.highWatermarks.clear();
    this.appliedOffset = -1;
    this.partitionCount = 0;
    const wasStarting = this.current === "starting";
    this.current = life.isExpected && !wasStarting ? "stopped" : "failed";
    for (const settle of [...this.asked.values()]) settle(undefined);
    this.settle(new Error(`node ${this.id} ended while it started: ${how}`));
    if (!life.isExpected && !wasStarting) this.options.onFailure(new Error(`node ${this.id} ended: ${how}`));
  }

  private settle(error: Error | undefined): void {
    const { settleStart } = this;
    this.settleStart = undefined;
    settleStart?.(error);
  }
}

/** Those that are listened on, and those that others are told. */
function portsOf(listeners: readonly NodeListener[]): number[] {
  return listeners.flatMap(({ port, advertised }) =>
    advertised?.port === undefined ? [port] : [port, advertised.port],
  );
}
