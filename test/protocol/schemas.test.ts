/**
 * Our schemas against the facts of Kafka's schema files: names, order, types, versions, nullability, tags, defaults, keys.
 *
 * test/golden/schemas.json is their digest; with KAFKA_SCHEMAS=DIR it is itself held against the original files.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { APIS } from "../../protocol/apis.ts";
import type { Field, ScalarField, StructField } from "../../protocol/schema/field.ts";
import { defaultValue, type Message } from "../../protocol/schema/message.ts";
import type { VersionRange } from "../../protocol/schema/version-range.ts";
import {
  type DigestField,
  type DigestMessage,
  digestOfFolder,
  intersect,
  type SchemaDigest,
  spell,
} from "../../scripts/schema-digest.ts";
import { allMessages } from "../support/all-messages.ts";

const digest = JSON.parse(readFileSync(new URL("../golden/schemas.json", import.meta.url), "utf8")) as SchemaDigest;

/** int64 fields that must survive a round trip bit by bit: hashes, which are no quantities. */
const EXACT = new Set([
  "ConsumerGroupMetadataValue.metadataHash",
  "ShareGroupMetadataValue.metadataHash",
  "StreamsGroupMetadataValue.metadataHash",
]);

const messages = await allMessages();

describe("schemas", () => {
  test("there is one for each of Kafka's, and no other", () => {
    expect(messages.map((message) => message.name)).toEqual(Object.keys(digest));
  });

  test.each(messages.map((message) => [message.name, message] as const))("%s has Kafka's fields", (name, message) => {
    const { versions, flexible, fields } = digest[name] as DigestMessage;
    expect(factsOf(message)).toEqual({ versions, flexible, fields });
  });

  test("every API has Kafka's key, listeners and stable versions", () => {
    const theirs = Object.entries(digest)
      .filter(([, facts]) => facts.kind === "request")
      .map(([name, facts]) => ({
        name: name.replace(/Request$/, ""),
        key: facts.apiKey,
        listeners: [...(facts.listeners ?? [])].sort(),
        request: name,
        response: name.replace(/Request$/, "Response"),
        responseKey: digest[name.replace(/Request$/, "Response")]?.apiKey,
        latestVersionUnstable: facts.latestVersionUnstable === true,
      }))
      .sort((a, b) => (a.key as number) - (b.key as number));
    const ours = APIS.map((api) => ({
      name: api.name,
      key: api.key,
      listeners: [...api.listeners].sort(),
      request: api.request.name,
      response: api.response.name,
      responseKey: api.key,
      latestVersionUnstable: api.versions.max === api.request.validVersions.max - 1,
    }));
    expect(ours).toEqual(theirs);
  });

  test("a request and its response exist in the same versions", () => {
    for (const api of APIS) expect(api.response.validVersions, api.name).toEqual(api.request.validVersions);
  });

  const originals = process.env.KAFKA_SCHEMAS;
  if (originals !== undefined) {
    test("the digest is that of the original files", () => {
      expect(digest).toEqual(digestOfFolder(originals));
    });
  }
});

/** The digest's facts of one of our messages. */
function factsOf(message: Message): Pick<DigestMessage, "versions" | "flexible" | "fields"> {
  const versions = message.validVersions;
  return {
    versions: spell(versions),
    flexible: spell(intersect(message.flexibleVersions, versions)),
    fields: fieldsOf(message.name, message.fields as Record<string, Field>, versions),
  };
}

function fieldsOf(path: string, fields: Record<string, Field>, parent: VersionRange): DigestField[] {
  return Object.entries(fields).map(([name, field]) => {
    const versions = field.versions === undefined ? parent : intersect(field.versions, parent);
    const nullable = spell(intersect(field.nullableVersions, versions));
    const tagged = spell(intersect(field.taggedVersions, versions));
    const declared = defaultOf(field);
    const element = field.type === "array" ? field.element : field;
    return {
      name,
      type: (field.type === "array" ? "[]" : "") + typeOf(`${path}.${name}`, element),
      versions: spell(versions),
      ...(nullable === "none" ? {} : { nullable }),
      ...(tagged === "none" ? {} : { tag: field.options.tag as number, tagged }),
      ...(declared === undefined ? {} : { default: declared }),
      ...(field.options.ignorable === true ? { ignorable: true as const } : {}),
      ...(field.options.flexible === undefined ? {} : { flexible: field.options.flexible }),
      ...(element.type === "struct" ? { fields: fieldsOf(`${path}.${name}`, element.fields, versions) } : {}),
    };
  });
}

function typeOf(path: string, element: ScalarField | StructField): string {
  if (element.type !== "int64Exact") return element.type;
  expect(EXACT, path).toContain(path);
  return "int64";
}

/** A default that is not the zero value of its type; the largest number stands for the largest int64. */
function defaultOf(field: Field): DigestField["default"] | undefined {
  const value = defaultValue(field);
  if (field.type === "int64Exact") expect(typeof value).toBe("bigint");
  if (value === null) return field.type === "records" ? undefined : null;
  if (value === Number.MAX_SAFE_INTEGER) return "9223372036854775807";
  if (typeof value === "number") return value === 0 ? undefined : value;
  if (typeof value === "boolean") return value ? true : undefined;
  return typeof value === "string" && field.type === "string" && value !== "" ? value : undefined;
}
