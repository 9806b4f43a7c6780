/**
 * The environment of one life of a node: it can be taken away at once, as a kill takes everything from a process.
 *
 * Owns: that after kill() no timer fires, no byte is written or read, nothing is logged, and every socket the node held is reset.
 * What the node still has under way (promises that were resolved already) finds a disk that refuses.
 * Invariant: the disk, network and compute behind it are untouched otherwise; the next incarnation gets its own.
 */
import type { Address, Connection, Listener, Network, Receiver } from "../broker/network/network.ts";
import type { Clock, Timer } from "../storage/clock.ts";
import type { Compute, ComputeTask } from "../storage/compute.ts";
import { type Disk, DiskError, type DiskFile, type DiskLock } from "../storage/disk.ts";
import type { LogFields, Logger } from "../storage/logger.ts";
import type { Environment } from "./environment.ts";

/** Never settles: whoever waits for it is gone. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

export class Incarnation {
  readonly environment: Environment;
  private alive = true;
  private readonly connections = new Set<Connection>();
  private readonly listeners = new Set<Listener>();
  private readonly timers = new Set<Timer>();
  private readonly locks = new Set<DiskLock>();
  private readonly files = new Set<DiskFile>();

  constructor(outer: Environment) {
    this.environment = {
      ...outer,
      clock: this.clockOver(outer.clock),
      disk: this.diskOver(outer.disk),
      network: this.networkOver(outer.network),
      compute: this.computeOver(outer.compute),
      logger: this.loggerOver(outer.logger),
    };
  }

  get isAlive(): boolean {
    return this.alive;
  }

  /** Ends this life: as SIGKILL would, or, after an orderly stop, to see that nothing is left. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const timer of this.timers) timer.cancel();
    for (const listener of this.listeners) void listener.close();
    for (const connection of this.connections) connection.destroy({ reset: true });
    for (const file of this.files) file.close();
    for (const lock of this.locks) lock.release();
    this.timers.clear();
    this.listeners.clear();
    this.connections.clear();
    this.files.clear();
    this.locks.clear();
  }

  private clockOver(clock: Clock): Clock {
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, run) => {
        if (!this.alive) return { cancel: () => {} };
        const timer = clock.after(delayMs, () => {
          this.timers.delete(timer);
          if (this.alive) run();
        });
        this.timers.add(timer);
        return {
          cancel: () => {
            this.timers.delete(timer);
            timer.cancel();
          },
        };
      },
      afterPoll: (run) =>
        clock.afterPoll(() => {
          if (this.alive) run();
        }),
    };
  }

  private computeOver(compute: Compute): Compute {
    return {
      run: <T>(task: ComputeTask<T>) => compute.run(task).then((result) => (this.alive ? result : never<T>())),
      close: () => Promise.resolve(), // shared by all nodes of the process
    };
  }

  private loggerOver(logger: Logger): Logger {
    const over =
      (level: keyof Logger) =>
      (fields: LogFields, message: string): void => {
        if (this.alive) logger[level](fields, message);
      };
    return { debug: over("debug"), info: over("info"), warn: over("warn"), error: over("error") };
  }

  private networkOver(network: Network): Network {
    const keep = (connection: Connection): Connection => {
      this.connections.add(connection);
      return new HeldConnection(connection, () => this.connections.delete(connection));
    };
    return {
      listen: async (address, accept, onTrouble) => {
        const admit = (connection: Connection): void => {
          if (this.alive) accept(keep(connection));
          else connection.destroy({ reset: true });
        };
        const listener = await network.listen(address, admit, onTrouble);
        if (!this.alive) {
          await listener.close();
          return never();
        }
        this.listeners.add(listener);
        return {
          address: listener.address,
          close: () => {
            this.listeners.delete(listener);
            return listener.close();
          },
        };
      },
      connect: async (address: Address, options) => {
        if (!this.alive) return never();
        const connection = await network.connect(address, options);
        if (this.alive) return keep(connection);
        connection.destroy({ reset: true });
        return never();
      },
    };
  }

  private diskOver(disk: Disk): Disk {
    const check = (path: string): void => {
      if (!this.alive) throw new DiskError("gone", path);
    };
    const sync = <T>(promise: Promise<T>): Promise<T> =>
      promise.then(
        (value) => (this.alive ? value : never<T>()),
        (error: unknown) => {
          if (!this.alive) return never<T>();
          throw error;
        },
      );
    const checked =
      <A extends readonly unknown[], R>(run: (path: string, ...rest: A) => R) =>
      (path: string, ...rest: A): R => {
        check(path);
        return run(path, ...rest);
      };
    return {
      open: checked((path, options: { readonly create: boolean }) => {
        const file = disk.open(path, options);
        this.files.add(file);
        return new HeldFile(file, path, check, sync, () => this.files.delete(file));
      }),
      readFile: checked((path) => disk.readFile(path)),
      writeFile: checked((path, content: Buffer | string) => disk.writeFile(path, content)),
      syncFile: checked((path) => sync(disk.syncFile(path))),
      exists: checked((path) => disk.exists(path)),
      list: checked((path) => disk.list(path)),
      rename: checked((from, to: string) => disk.rename(from, to)),
      remove: checked((path) => disk.remove(path)),
      removeTree: checked((path) => sync(disk.removeTree(path))),
      makeDirectory: checked((path) => disk.makeDirectory(path)),
      syncDirectory: checked((path) => sync(disk.syncDirectory(path))),
      volume: checked((path) => disk.volume(path)),
      lock: checked((path) => {
        const lock = disk.lock(path);
        this.locks.add(lock);
        return {
          release: () => {
            this.locks.delete(lock);
            lock.release();
          },
        };
      }),
    };
  }
}

class HeldConnection implements Connection {
  private readonly inner: Connection;
  private readonly onClosed: () => void;

  constructor(inner: Connection, onClosed: () => void) {
    this.inner = inner;
    this.onClosed = onClosed;
  }

  get remoteAddress(): Address {
    return this.inner.remoteAddress;
  }

  get localAddress(): Address {
    return this.inner.localAddress;
  }

  get unsentBytes(): number {
    return this.inner.unsentBytes;
  }

  receive(receiver: Receiver): void {
    this.inner.receive({
      target: () => receiver.target(),
      received: (sizeBytes) => receiver.received(sizeBytes),
      ended: () => receiver.ended(),
      closed: (error) => {
        this.onClosed();
        receiver.closed(error);
      },
    });
  }

  resume(): void {
    this.inner.resume();
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    this.inner.write(pieces, flushed);
  }

  end(): void {
    this.inner.end();
  }

  destroy(options?: { readonly reset?: boolean }): void {
    this.onClosed();
    this.inner.destroy(options);
  }
}

class HeldFile implements DiskFile {
  private readonly inner: DiskFile;
  private readonly path: string;
  private readonly check: (path: string) => void;
  private readonly whileAlive: <T>(promise: Promise<T>) => Promise<T>;
  private readonly onClosed: () => void;

  constructor(
    inner: DiskFile,
    path: string,
    check: (path: string) => void,
    whileAlive: <T>(promise: Promise<T>) => Promise<T>,
    onClosed: () => void,
  ) {
    this.inner = inner;
    this.path = path;
    this.check = check;
    this.whileAlive = whileAlive;
    this.onClosed = onClosed;
  }

  get sizeBytes(): number {
    return this.inner.sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    this.check(this.path);
    return this.inner.append(chunks);
  }

  read(position: number, target: Buffer): number {
    this.check(this.path);
    return this.inner.read(position, target);
  }

  readLarge(position: number, target: Buffer): Promise<number> {
    this.check(this.path);
    return this.whileAlive(this.inner.readLarge(position, target));
  }

  truncate(sizeBytes: number): void {
    this.check(this.path);
    this.inner.truncate(sizeBytes);
  }

  sync(): Promise<void> {
    this.check(this.path);
    return this.whileAlive(this.inner.sync());
  }

  close(): void {
    this.onClosed();
    this.inner.close();
  }
}
