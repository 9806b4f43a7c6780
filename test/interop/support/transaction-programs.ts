/** The clients whose transactions are tried, as programs; each missing where its toolchain is. */
import { fileURLToPath } from "node:url";
import { findApacheKafka } from "./apache-kafka.ts";
import { findGoClient } from "./go.ts";
import { findPython } from "./python.ts";
import { Missing } from "./toolchain.ts";
import type { TransactionProgramCommand } from "./transaction-program.ts";

const JAVA_SOURCE = fileURLToPath(new URL("../clients/JavaTransactions.java", import.meta.url));

export const TRANSACTION_PROGRAMS = ["java", "librdkafka", "franz-go"] as const;
export type TransactionProgramName = (typeof TRANSACTION_PROGRAMS)[number];

export async function findTransactionProgram(
  name: TransactionProgramName,
): Promise<TransactionProgramCommand | Missing> {
  switch (name) {
    case "java": {
      const kafka = await findApacheKafka();
      return kafka instanceof Missing ? kafka : await kafka.compile(JAVA_SOURCE);
    }
    case "librdkafka": {
      const python = await findPython();
      return python instanceof Missing ? python : python.program("confluent_kafka_transactions.py");
    }
    case "franz-go": {
      const program = await findGoClient("franz-go-transactions");
      return program instanceof Missing ? program : { command: program };
    }
  }
}
