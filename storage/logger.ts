/**
 * Where log lines go. pino's loggers fit as they are; tests collect lines in an array.
 *
 * What peers sent stands in the fields, never in the message, so that no client writes log lines of its own.
 */
export type LogFields = { readonly [name: string]: unknown };

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} };
