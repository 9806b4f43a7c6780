/**
 * What a fault rule may say: which requests or which disk it strikes, what it does to them, and how often.
 *
 * Owns: reading a rule from anything (a program, JSON), with an error that says what is wrong with it.
 */
import { APIS } from "../../protocol/apis.ts";
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";

export class FaultRuleError extends Error {
  override readonly name = "FaultRuleError";
}

/** How often a rule strikes: every time when nothing is said. */
export interface FaultOccasions {
  /** The first time only. */
  readonly once?: boolean;
  /** So many times, then no more. */
  readonly times?: number;
  /** The nth occasion only, counted from 1. */
  readonly nth?: number;
  /** Of each occasion, between 0 and 1. */
  readonly probability?: number;
  /** Of the draws; the same seed strikes the same occasions. */
  readonly seed?: number;
}

/** Strikes requests of clients. Those of other nodes are struck where `client` names them, and at the controller. */
export interface RequestFaultRule extends FaultOccasions {
  /** "Produce", "Fetch", ... */
  readonly api?: string;
  readonly node?: number | "controller";
  readonly topic?: string;
  readonly partition?: number;
  /** Client id. */
  readonly client?: string;
  /** Kafka's name or number: what is answered for the partitions that match, or for the whole request. */
  readonly errorCode?: string | number;
  readonly delayMs?: number;
  /** The connection is closed instead of an answer: before the work, or after it. */
  readonly drop?: "before" | "after";
  /** Of the work is the error or the delay; "before" when left out. After it, the work was done all the same. */
  readonly when?: "before" | "after";
}

/** Strikes a node's disk. */
export interface DiskFaultRule extends FaultOccasions {
  /** full: no space for what is written; error: the device fails; slow: each operation takes `delayMs` longer. */
  readonly disk: "full" | "error" | "slow";
  readonly node?: number | "controller";
  /** Only what lies in this topic's directories; without it the node's metadata log is struck too, which ends the node, as in Kafka. */
  readonly topic?: string;
  /** Which operations; all that the kind concerns when left out. */
  readonly operation?: DiskOperation;
  readonly delayMs?: number;
}

export type DiskOperation = "write" | "read" | "sync";
export type FaultRule = RequestFaultRule | DiskFaultRule;

export function isDiskRule(rule: FaultRule): rule is DiskFaultRule {
  return "disk" in rule;
}

/** Longer than any test, and short of what timers take. */
const MAX_DELAY_MS = 24 * 60 * 60 * 1000;

/** A rule out of anything. @throws FaultRuleError what is wrong with it. */
export function faultRule(value: unknown): FaultRule {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail("a fault rule is an object");
  const fields = new Map(Object.entries(value as object).filter(([, field]) => field !== undefined));
  const isDisk = fields.has("disk");
  for (const name of fields.keys()) {
    if (!(isDisk ? DISK_FIELDS : REQUEST_FIELDS).has(name) && !OCCASION_FIELDS.has(name))
      fail(`${isDisk ? "a disk fault" : "a fault rule"} has no ${JSON.stringify(name)}`);
  }
  checkOccasions(fields);
  check(fields, "node", (node) => node === "controller" || isInteger(node, 0), 'a node id or "controller"');
  check(fields, "delayMs", (delayMs) => isNumber(delayMs, 0, MAX_DELAY_MS), "milliseconds, at most a day");
  check(fields, "topic", (topic) => typeof topic === "string" && topic !== "", "the name of a topic");
  if (isDisk) checkDisk(fields);
  else checkRequest(fields);
  return Object.fromEntries(fields) as unknown as FaultRule;
}

const OCCASION_FIELDS = new Set(["once", "times", "nth", "probability", "seed"]);
const REQUEST_FIELDS = new Set([
  ...["api", "node", "topic", "partition", "client"],
  ...["errorCode", "delayMs", "drop", "when"],
]);
const DISK_FIELDS = new Set(["disk", "node", "topic", "operation", "delayMs"]);
const API_NAMES = new Set<string>(APIS.map(({ name }) => name));

function checkOccasions(fields: ReadonlyMap<string, unknown>): void {
  check(fields, "once", (once) => typeof once === "boolean", "true or false");
  check(fields, "times", (times) => isInteger(times, 1), "a whole number from 1");
  check(fields, "nth", (nth) => isInteger(nth, 1), "a whole number from 1");
  check(fields, "probability", (probability) => isNumber(probability, 0, 1), "between 0 and 1");
  check(fields, "seed", (seed) => isInteger(seed, 0), "a whole number");
}

function checkDisk(fields: ReadonlyMap<string, unknown>): void {
  check(fields, "disk", (disk) => disk === "full" || disk === "error" || disk === "slow", '"full", "error" or "slow"');
  const operations: readonly unknown[] = ["write", "read", "sync"];
  check(fields, "operation", (operation) => operations.includes(operation), '"write", "read" or "sync"');
  const isSlow = fields.get("disk") === "slow";
  if (isSlow !== fields.has("delayMs")) fail("delayMs says how slow a slow disk is, and of no other");
}

function checkRequest(fields: ReadonlyMap<string, unknown>): void {
  check(fields, "api", (api) => API_NAMES.has(api as string), "the name of an API of Kafka, as Produce");
  check(fields, "partition", (partition) => isInteger(partition, 0), "a partition's number");
  check(fields, "client", (client) => typeof client === "string", "a client id");
  check(fields, "drop", (drop) => drop === "before" || drop === "after", '"before" or "after" the work');
  check(fields, "when", (when) => when === "before" || when === "after", '"before" or "after" the work');
  check(fields, "errorCode", (code) => codeOf(code) !== undefined, "an error code of Kafka, by name or number");
  if (fields.has("partition") && !fields.has("topic")) fail("a partition needs its topic");
  if (fields.has("drop") && (fields.has("errorCode") || fields.has("when")))
    fail("a connection that is dropped answers nothing");
  if (!fields.has("errorCode") && !fields.has("delayMs") && !fields.has("drop"))
    fail("a fault rule does something: errorCode, delayMs or drop");
}

function codeOf(value: unknown): ErrorCode | undefined {
  if (typeof value === "number")
    return errorName(value) === undefined || value === 0 ? undefined : (value as ErrorCode);
  const code =
    typeof value === "string" && Object.hasOwn(ErrorCode, value) ? ErrorCode[value as keyof typeof ErrorCode] : 0;
  return code === 0 ? undefined : code;
}

/** The number of a rule's error code. */
export function errorCodeOfRule({ errorCode }: RequestFaultRule): ErrorCode | undefined {
  return codeOf(errorCode);
}

function check(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  isValid: (value: unknown) => boolean,
  what: string,
): void {
  if (fields.has(name) && !isValid(fields.get(name)))
    fail(`${name} is ${what}, not ${JSON.stringify(fields.get(name))}`);
}

function isInteger(value: unknown, min: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function isNumber(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function fail(problem: string): never {
  throw new FaultRuleError(problem);
}
