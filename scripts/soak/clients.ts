/**
 * The producers a soak can use: programs of their own, so that neither their work nor their waits are the cluster's.
 *
 *   PROGRAM BOOTSTRAP TOPIC PARTITIONS    writes to every partition until standard input ends, then says what it sent and ends
 *
 * Lines on standard output, times in ms since 1970:
 *   ack PARTITION SEQUENCE OFFSET TIME    a record is acknowledged; offset -1 when the client does not know it
 *   failed PARTITION SEQUENCE REASON      the client gave it up: it may be there or not
 *   sent PARTITION COUNT                  at the end: sequences 0 to COUNT-1 were handed to the client
 *
 * Record SEQUENCE of a partition has the key PARTITION-(SEQUENCE mod 16) and its own number as value.
 */
import { fileURLToPath } from "node:url";
import { findPython } from "../../test/interop/support/python.ts";
import { Missing } from "../../test/interop/support/toolchain.ts";

export interface SoakClient {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const program = (file: string): string => fileURLToPath(new URL(`clients/${file}`, import.meta.url));

/** @throws Error: there is no such client, or what it needs is missing. */
export async function clientNamed(name: string): Promise<SoakClient> {
  if (name === "kafkajs") {
    const args = ["--import", "tsx", "--no-warnings", program("kafkajs-producer.ts")];
    return { name, command: process.execPath, args };
  }
  if (name !== "librdkafka") throw new Error(`there is no client ${name}; there are kafkajs and librdkafka`);
  const python = await findPython();
  if (python instanceof Missing) throw new Error(python.reason);
  const { command } = python.program("");
  return { name, command, args: ["-B", program("librdkafka_producer.py")] };
}
