/** What the logs hold when all has come to rest: by partition every value, and those of transactions that were committed. */
import type { Auditor } from "../audit/auditor.ts";
import { valuesOf } from "../audit/final-checks.ts";
import type { PartitionAudit } from "../audit/partition-audit.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import type { ReadValue } from "./reading-witness.ts";
import type { TransactionAudit } from "./transaction-audit.ts";

export interface PartitionTruth {
  readonly audit: PartitionAudit;
  readonly all: readonly ReadValue[];
  readonly committed: readonly ReadValue[];
}

/** Of a topic, by partition. */
export function truthOf(
  topic: string,
  cluster: SimulatedCluster,
  auditor: Auditor,
  transactions: TransactionAudit,
): PartitionTruth[] {
  const audits = [...auditor.partitions.values()].filter((audit) => audit.topic === topic);
  return audits
    .sort((a, b) => a.index - b.index)
    .map((audit) => {
      const values = valuesOf(cluster, audit);
      const all = [...values].map(([offset, value]) => ({ offset, value }));
      const committed: ReadValue[] = [];
      for (const batch of audit.committed) {
        if (batch.isControl || (batch.isTransactional && transactions.outcomeOf(audit, batch) !== "commit")) continue;
        for (let offset = batch.baseOffset; offset <= batch.lastOffset; offset++) {
          committed.push({ offset, value: values.get(offset) ?? "" });
        }
      }
      return { audit, all, committed };
    });
}
