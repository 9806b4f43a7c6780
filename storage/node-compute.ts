/**
 * Work off the loop, in worker threads.
 *
 * Owns: the threads (started when there is work, ended when idle) and the queue before them. Leaves to compute-tasks
 * what can be done. Where threads cannot start (no worker file beside the bundle, a runtime that cannot load it) tasks run on
 * the loop, each in a turn of its own.
 * Invariant: at most `maxQueued` tasks wait; an idle thread does not keep the process alive.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Compute, ComputeRefused, type ComputeTask } from "./compute.ts";
import { type ComputeFunction, computeTasks } from "./compute-tasks.ts";
import { pack, type ResultMessage, type TaskMessage, unpack, unpackError } from "./node-compute-message.ts";

/** A task holds a frame of up to some megabytes. */
const DEFAULT_MAX_QUEUED = 256;
/** A thread takes about 10 MB and 30 ms to start. */
const IDLE_MS = 10_000;
/** In the sources, beside the bundle, above its chunks. */
const WORKER_FILES = ["./node-compute-worker.ts", "./compute-worker.js", "../compute-worker.js"];

export interface NodeComputeOptions {
  readonly maxWorkers?: number;
  readonly maxQueued?: number;
  /** The worker's entry; found beside this module when left out. */
  readonly workerFile?: URL;
  /** The table that the worker's entry serves. */
  readonly tasks?: ReadonlyMap<string, ComputeFunction>;
}

interface Job {
  readonly task: ComputeTask<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  ready: boolean;
  job: Job | undefined;
  idleTimer: NodeJS.Timeout | undefined;
}

export class NodeCompute implements Compute {
  private readonly maxWorkers: number;
  private readonly maxQueued: number;
  private readonly tasks: ReadonlyMap<string, ComputeFunction>;
  private workerFile: URL | undefined;
  private readonly threads = new Set<Thread>();
  private readonly queue: Job[] = [];
  private closed = false;

  constructor(options: NodeComputeOptions = {}) {
    this.maxWorkers = options.maxWorkers ?? Math.min(4, Math.max(1, availableParallelism() - 1));
    this.maxQueued = options.maxQueued ?? DEFAULT_MAX_QUEUED;
    this.tasks = options.tasks ?? computeTasks;
    this.workerFile = options.workerFile ?? findWorkerFile();
  }

  /** Threads running now, for metrics and tests. */
  get threadCount(): number {
    return this.threads.size;
  }

  /** Whether tasks leave the loop; false from the moment a thread could not be started. */
  get threaded(): boolean {
    return this.workerFile !== undefined;
  }

  run<T>(task: ComputeTask<T>): Promise<T> {
    if (this.closed) return Promise.reject(new ComputeRefused("the compute is closed"));
    if (this.queue.length >= this.maxQueued) return Promise.reject(new ComputeRefused("too much work is waiting"));
    return new Promise<T>((resolve, reject) => {
      const job: Job = { task, resolve: resolve as (result: unknown) => void, reject };
      if (this.workerFile === undefined || !this.tasks.has(task.kind)) runHere(job);
      else {
        this.queue.push(job);
        this.next();
      }
    });
  }

  /** Ends the threads; what waits or runs is rejected. */
  async close(): Promise<void> {
    this.closed = true;
    for (const job of this.queue.splice(0)) job.reject(new ComputeRefused("the compute is closed"));
    await Promise.all([...this.threads].map((thread) => this.end(thread, new ComputeRefused("the compute is closed"))));
  }

  private next(): void {
    while (this.queue.length > 0) {
      let thread = [...this.threads].find((candidate) => candidate.job === undefined);
      if (thread === undefined && this.threads.size < this.maxWorkers) thread = this.start();
      if (thread === undefined) return;
      this.give(thread, this.queue.shift() as Job);
    }
  }

  private give(thread: Thread, job: Job): void {
    thread.job = job;
    clearTimeout(thread.idleTimer);
    thread.worker.ref();
    const transfer: ArrayBuffer[] = [];
    const message: TaskMessage = { kind: job.task.kind, input: pack(job.task.input, transfer) };
    thread.worker.postMessage(message, transfer);
  }

  private start(): Thread {
    const worker = new Worker(this.workerFile as URL);
    const thread: Thread = { worker, ready: false, job: undefined, idleTimer: undefined };
    this.threads.add(thread);
    worker.on("message", (message: ResultMessage) => this.onMessage(thread, message));
    worker.on("error", (error) => this.onEnd(thread, error));
    worker.on("exit", (code) => this.onEnd(thread, new Error(`a worker thread ended with ${code}`)));
    return thread;
  }

  private onMessage(thread: Thread, message: ResultMessage): void {
    if (message.type === "ready") {
      thread.ready = true;
      return;
    }
    const job = thread.job;
    thread.job = undefined;
    thread.worker.unref();
    thread.idleTimer = setTimeout(() => void this.end(thread, new Error("idle")), IDLE_MS).unref();
    if (message.type === "done") job?.resolve(unpack(message.result));
    else job?.reject(unpackError(message));
    this.next();
  }

  private onEnd(thread: Thread, error: Error): void {
    if (!this.threads.delete(thread)) return;
    clearTimeout(thread.idleTimer);
    if (this.closed) thread.job?.reject(error);
    else if (!thread.ready) this.goInline(thread.job);
    else {
      thread.job?.reject(error);
      this.next();
    }
  }

  /** A thread that ended before it said a word cannot run here. */
  private goInline(job: Job | undefined): void {
    this.workerFile = undefined;
    if (job !== undefined) runHere(job);
    for (const waiting of this.queue.splice(0)) runHere(waiting);
  }

  private async end(thread: Thread, reason: Error): Promise<void> {
    this.threads.delete(thread);
    clearTimeout(thread.idleTimer);
    thread.job?.reject(reason);
    await thread.worker.terminate();
  }
}

function runHere(job: Job): void {
  setImmediate(() => {
    try {
      job.resolve(job.task.run());
    } catch (error) {
      job.reject(error);
    }
  });
}

function findWorkerFile(): URL | undefined {
  for (const name of WORKER_FILES) {
    const file = new URL(name, import.meta.url);
    if (existsSync(file)) return file;
  }
  return undefined;
}
