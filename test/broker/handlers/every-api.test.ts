/**
 * Every API a broker serves, at every version it advertises: a valid request gets an answer that can be written and read, and no
 * handler fails on the way.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { BROKER_HANDLERS_WITH_TELEMETRY } from "../../../broker/handlers/table.ts";
import { apiByKey } from "../../../protocol/apis.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { defaultValue, fieldsInVersion, isFlexible, type Message } from "../../../protocol/schema/message.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { plainMessage } from "../../support/plain-message.ts";
import { randomMessage, type Struct } from "../../support/random-message.ts";
import { SeededRandom, seedOf } from "../../support/seeded-random.ts";
import { WireAsker } from "../../support/wire-asker.ts";

/** What plainMessage() calls everything. */
const NAME = "name";
const MAX_WAIT_MS = 20;

let plane: DataPlane;
let topicId: string;
beforeAll(async () => {
  // Groups begin at once, so that nobody has to be waited for.
  plane = await startDataPlane({ configs: new Map([["group.initial.rebalance.delay.ms", "0"]]) });
  topicId = await plane.createTopic(NAME);
  await plane.createTopic("__consumer_offsets");
  await plane.createTopic("__share_group_state");
});
afterAll(() => plane[Symbol.asyncDispose]());

function defaultRequest(message: Message, version: number): Struct {
  const fields = fieldsInVersion(message.fields, version, isFlexible(message, version));
  return Object.fromEntries(
    fields.filter(({ present }) => present).map(({ name, field }) => [name, defaultValue(field)]),
  );
}

/** One element everywhere, about the one topic there is. */
function requestAboutTopic(api: Api, version: number): Struct {
  const { value, places } = plainMessage(api.request, version);
  for (const { name, field, present, struct } of places) {
    if (!present) continue;
    if (name === "topicId" && field.type === "uuid") struct[name] = topicId;
    if (field.type === "records") struct[name] = batchOf(["a"]);
    if (name === "acks") struct[name] = -1;
    if (name === "transactionalId" && api === Produce) struct[name] = null;
  }
  return value;
}

/** Nobody waits for long, and everything is answered. */
function patient(value: unknown): void {
  if (Array.isArray(value)) for (const element of value) patient(element);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return;
  const struct = value as Struct;
  for (const [name, inner] of Object.entries(struct)) {
    if (/timeoutMs|maxWaitMs/i.test(name)) struct[name] = MAX_WAIT_MS;
    else if (name === "acks" && inner === 0) struct[name] = 1;
    else patient(inner);
  }
}

function errorCodesIn(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(errorCodesIn);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => (/errorCode$/i.test(name) ? [inner] : errorCodesIn(inner)));
}

const versions = BROKER_HANDLERS_WITH_TELEMETRY.advertisedApis.flatMap(({ apiKey }) => {
  const api = apiByKey(apiKey) as Api;
  const { min, max } = api.versions;
  return Array.from({ length: max - min + 1 }, (_, i) => ({ api, name: api.name, version: min + i }));
});

test.each(versions)("$name v$version is answered", async ({ api, name, version }) => {
  const random = new SeededRandom(seedOf(`${name} ${version}`));
  const requests = [
    defaultRequest(api.request, version),
    plainMessage(api.request, version).value,
    requestAboutTopic(api, version),
    ...Array.from({ length: 5 }, () => randomMessage(api.request, version, random)),
  ];
  using asker = await WireAsker.open(plane.address);
  for (const request of requests) {
    patient(request);
    const answer = await asker.ask(api, version, request as never);
    expect(errorCodesIn(answer)).not.toContain(-1);
  }
});
