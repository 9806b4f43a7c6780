/**
 * How much is logged, as a resource of configs (BROKER_LOGGER): what DescribeConfigs shows and IncrementalAlterConfigs changes
 * until the node stops.
 *
 * Differs from Kafka: a broker has one logger, `root`, where Kafka has one per class.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { type ConfigOperation, ConfigOperationType } from "./config-operation.ts";

const LEVELS = ["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"] as const;
export type LoggerLevel = (typeof LEVELS)[number];

const ROOT = "root";

export class LoggerLevels {
  private root: LoggerLevel;
  private readonly apply: (level: LoggerLevel) => void;

  /** @param apply makes the logger follow a new level. */
  constructor(root: LoggerLevel, apply: (level: LoggerLevel) => void) {
    this.root = root;
    this.apply = apply;
  }

  /** Logger by name, with its level. */
  get levels(): ReadonlyMap<string, LoggerLevel> {
    return new Map([[ROOT, this.root]]);
  }

  /** Changes nothing unless all operations can be done. @throws KafkaError INVALID_REQUEST, INVALID_CONFIG */
  alter(operations: readonly ConfigOperation[], validateOnly: boolean): void {
    for (const operation of operations) check(operation);
    const level = operations.at(-1)?.value;
    if (validateOnly || level === null || level === undefined) return;
    this.root = level as LoggerLevel;
    this.apply(this.root);
  }
}

function check({ name, configOperation, value }: ConfigOperation): void {
  if (configOperation === ConfigOperationType.APPEND || configOperation === ConfigOperationType.SUBTRACT) {
    const verb = configOperation === ConfigOperationType.APPEND ? "APPEND" : "SUBTRACT";
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `${verb} operation is not allowed for the BROKER_LOGGER resource`);
  }
  if (name !== ROOT) throw new KafkaError(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`);
  if (configOperation === ConfigOperationType.DELETE)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "Removing the log level of the root logger is not allowed");
  if (!LEVELS.includes(value as LoggerLevel))
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `Cannot set the log level of ${name} to ${value} as it is not a supported log level. Valid log levels are ${LEVELS.join(", ")}`,
    );
}
