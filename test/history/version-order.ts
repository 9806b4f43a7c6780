/**
 * The order of the values of each key, as all reads and all acknowledged sends together tell it.
 *
 * Offsets have gaps (markers, what was aborted); the index of a value counts only values.
 */
import { type History, type Operation, pollsOf, type Send, sendsOf } from "./history.ts";

interface Key {
  /** By offset, everything that anybody says is there. */
  readonly at: Map<number, Set<number>>;
  /** By value, its indexes: one, unless the value is there twice. */
  readonly indexes: Map<number, number[]>;
  /** By index, one value. */
  readonly values: number[];
}

export interface Written {
  readonly operation: Operation;
  readonly send: Send;
}

export class VersionOrder {
  readonly keys = new Map<number, Key>();
  /** By key and value, who sent it. */
  private readonly writers = new Map<string, Written>();
  private readonly read = new Set<string>();

  constructor(history: History) {
    for (const operation of history) {
      for (const send of sendsOf(operation)) this.writers.set(nameOf(send), { operation, send });
      for (const polled of pollsOf(operation)) {
        this.read.add(nameOf(polled));
        this.put(polled.key, polled.offset, polled.value);
      }
    }
    for (const operation of history) {
      if (!this.mustBeCommitted(operation)) continue;
      for (const { key, offset, value } of sendsOf(operation)) if (offset !== undefined) this.put(key, offset, value);
    }
    for (const key of this.keys.values()) order(key);
  }

  /** It says so, or somebody has read a part of it. */
  mustBeCommitted(operation: Operation): boolean {
    if (operation.outcome !== "unknown") return operation.outcome === "ok";
    return sendsOf(operation).some((send) => this.wasRead(send));
  }

  wasRead(value: { readonly key: number; readonly value: number }): boolean {
    return this.read.has(nameOf(value));
  }

  writerOf(value: { readonly key: number; readonly value: number }): Written | undefined {
    return this.writers.get(nameOf(value));
  }

  /** Of a value's first place; undefined when it is nowhere. */
  firstIndex(key: number, value: number): number | undefined {
    return this.keys.get(key)?.indexes.get(value)?.[0];
  }

  lastIndex(key: number, value: number): number | undefined {
    return this.keys.get(key)?.indexes.get(value)?.at(-1);
  }

  private put(key: number, offset: number, value: number): void {
    let known = this.keys.get(key);
    if (known === undefined) {
      known = { at: new Map(), indexes: new Map(), values: [] };
      this.keys.set(key, known);
    }
    const values = known.at.get(offset);
    if (values === undefined) known.at.set(offset, new Set([value]));
    else values.add(value);
  }
}

function order(key: Key): void {
  for (const offset of [...key.at.keys()].sort((a, b) => a - b)) {
    const values = [...(key.at.get(offset) ?? [])];
    const index = key.values.length;
    key.values.push(values[0] as number);
    for (const value of values) {
      const indexes = key.indexes.get(value);
      if (indexes === undefined) key.indexes.set(value, [index]);
      else indexes.push(index);
    }
  }
}

function nameOf({ key, value }: { readonly key: number; readonly value: number }): string {
  return `${key}/${value}`;
}
