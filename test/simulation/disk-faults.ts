/** What goes wrong on a simulated disk, and when: rules that a test adds, and chances that a seed draws. */
import { DiskError, type DiskErrorKind } from "../../storage/disk.ts";
import type { SeededRandom } from "./seeded-random.ts";

export type DiskOperation =
  | "open"
  | "append"
  | "read"
  | "truncate"
  | "sync"
  | "readFile"
  | "writeFile"
  | "list"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "syncDirectory"
  | "volume"
  | "lock";

/** Those that change what is on the disk: between any two of them the power may go. */
export const PERSIST_STEPS: ReadonlySet<DiskOperation> = new Set<DiskOperation>([
  "append",
  "truncate",
  "sync",
  "writeFile",
  "rename",
  "remove",
  "makeDirectory",
  "syncDirectory",
]);

export interface DiskFault {
  readonly operation: DiskOperation | readonly DiskOperation[] | "any";
  /** All when left out. */
  readonly path?: RegExp;
  readonly error: DiskErrorKind;
  /** Matches that pass before the first that fails. */
  readonly skip?: number;
  /** Failures before it heals; never when left out. */
  readonly times?: number;
  /** Of each match, 1 when left out. */
  readonly probability?: number;
}

export interface AddedFault {
  readonly hits: number;
  remove(): void;
}

interface Rule {
  readonly fault: DiskFault;
  skipped: number;
  hits: number;
}

export class DiskFaults {
  private readonly rules = new Set<Rule>();
  private readonly random: SeededRandom;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  add(fault: DiskFault): AddedFault {
    const rule: Rule = { fault, skipped: 0, hits: 0 };
    this.rules.add(rule);
    return {
      get hits() {
        return rule.hits;
      },
      remove: () => void this.rules.delete(rule),
    };
  }

  clear(): void {
    this.rules.clear();
  }

  /** @throws DiskError when a rule says so. */
  check(operation: DiskOperation, path: string): void {
    for (const rule of this.rules) {
      if (!matches(rule.fault, operation, path)) continue;
      if (rule.skipped < (rule.fault.skip ?? 0)) {
        rule.skipped++;
        continue;
      }
      if (rule.fault.probability !== undefined && !this.random.chance(rule.fault.probability)) continue;
      if (++rule.hits === rule.fault.times) this.rules.delete(rule);
      throw new DiskError(rule.fault.error, path);
    }
  }
}

function matches(fault: DiskFault, operation: DiskOperation, path: string): boolean {
  if (fault.path !== undefined && !fault.path.test(path)) return false;
  if (fault.operation === "any") return true;
  return typeof fault.operation === "string" ? fault.operation === operation : fault.operation.includes(operation);
}
