/**
 * Operations that would each have to come before the other: cycles over who wrote before whom (ww) and who read what whom wrote (wr).
 *
 * Writes interleave in a log, so that cycles of writes are told and are no failure; a cycle of reads alone is one.
 */
import type { Anomaly } from "./anomalies.ts";
import { type History, type Operation, pollsOf } from "./history.ts";
import type { VersionOrder } from "./version-order.ts";

type Edges = ReadonlyMap<Operation, ReadonlySet<Operation>>;

export function* cycles(history: History, order: VersionOrder): Iterable<Anomaly> {
  const counted = history.filter((operation) => order.mustBeCommitted(operation));
  const reads = readEdges(counted, order);
  for (const cycle of componentsOf(counted, reads)) {
    yield { kind: "read-cycle", detail: cycle.map(nameOf).join(" <-> ") };
  }
  const writes = writeEdges(order);
  for (const cycle of componentsOf(counted, writes)) {
    yield { kind: "write-cycle", detail: cycle.map(nameOf).join(" <-> ") };
  }
}

function nameOf({ process, startedMs }: Operation): string {
  return `process ${process} at ${Math.round(startedMs)} ms`;
}

function link(edges: Map<Operation, Set<Operation>>, from: Operation | undefined, to: Operation): void {
  if (from === undefined || from === to) return;
  const known = edges.get(from);
  if (known === undefined) edges.set(from, new Set([to]));
  else known.add(to);
}

/** From the writer of the last value that an operation read of a key to the operation. */
function readEdges(history: readonly Operation[], order: VersionOrder): Edges {
  const edges = new Map<Operation, Set<Operation>>();
  for (const operation of history) {
    const last = new Map(pollsOf(operation).map((polled) => [polled.key, polled]));
    for (const polled of last.values()) link(edges, order.writerOf(polled)?.operation, operation);
  }
  return edges;
}

/** From the writer of each value to that of the next. */
function writeEdges(order: VersionOrder): Edges {
  const edges = new Map<Operation, Set<Operation>>();
  for (const [key, { values }] of order.keys) {
    for (const [i, value] of values.entries()) {
      const next = values[i + 1];
      const to = next === undefined ? undefined : order.writerOf({ key, value: next })?.operation;
      if (to !== undefined) link(edges, order.writerOf({ key, value })?.operation, to);
    }
  }
  return edges;
}

/** The strongly connected components of more than one operation (Tarjan), without recursion. */
function componentsOf(nodes: readonly Operation[], edges: Edges): Operation[][] {
  const index = new Map<Operation, number>();
  const low = new Map<Operation, number>();
  const stack: Operation[] = [];
  const onStack = new Set<Operation>();
  const components: Operation[][] = [];
  const lower = (of: Operation, to: number): void => {
    low.set(of, Math.min(low.get(of) ?? to, to));
  };
  const enter = (node: Operation) => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    onStack.add(node);
    return { node, successors: [...(edges.get(node) ?? [])] };
  };
  for (const start of nodes) {
    if (index.has(start)) continue;
    const work = [enter(start)];
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      const { node, successors } = frame;
      const next = successors.pop();
      if (next !== undefined) {
        if (!index.has(next)) work.push(enter(next));
        else if (onStack.has(next)) lower(node, index.get(next) as number);
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent !== undefined) lower(parent.node, low.get(node) as number);
      if (low.get(node) !== index.get(node)) continue;
      const component = stack.splice(stack.indexOf(node));
      for (const member of component) onStack.delete(member);
      if (component.length > 1) components.push(component);
    }
  }
  return components;
}
