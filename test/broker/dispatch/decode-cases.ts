/**
 * Bodies that are not what they claim, for every API and version of a broker's listener: counts, lengths, varints, cuts, tagged
 * sections. Each closes its own connection, or is answered, and hurts nobody else. Runs against any broker in plain text.
 */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { APIS } from "../../../protocol/apis.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { framed, headerOf, probe, type Target } from "../network/wire-client.ts";
import { type Mark, type MarkedRequest, markedRequest, sizeBytes, uvarint, withMark } from "./marked-request.ts";

export interface Case {
  readonly what: string;
  readonly bytes: Buffer;
  /** "either" where the bytes that follow decide. */
  readonly expected: "closed" | "answered" | "either";
}

const BROKER_APIS = (APIS as readonly Api[]).filter(({ listeners }) => listeners.includes("broker"));
const CONNECTIONS = 32;
const INT_MAX = 2147483647;

export function versionsOf(api: Api): number[] {
  return Array.from({ length: api.versions.max - api.versions.min + 1 }, (_, i) => api.versions.min + i);
}

/** Every API and version with its marked request. */
function* requests(): Generator<{
  api: Api;
  version: number;
  request: MarkedRequest;
  frame: (body: Buffer) => Buffer;
}> {
  for (const api of BROKER_APIS) {
    for (const version of versionsOf(api)) {
      const frame = (body: Buffer): Buffer => framed(headerOf(api, version), body);
      yield { api, version, request: markedRequest(api, version), frame };
    }
  }
}

/** One case for each mark of a kind and each of its wrong bytes. */
function* markCases(
  kind: Mark["kind"],
  wrong: (mark: Mark, remaining: number) => readonly [what: string, bytes: Buffer, expected: Case["expected"]][],
): Generator<Case> {
  for (const { api, version, request, frame } of requests()) {
    for (const mark of request.marks) {
      if (mark.kind !== kind) continue;
      const remaining = request.body.length - mark.at - mark.width;
      for (const [what, bytes, expected] of wrong(mark, remaining)) {
        yield {
          what: `${api.name} v${version} ${mark.path}: ${what}`,
          bytes: frame(withMark(request, mark, bytes)),
          expected,
        };
      }
    }
  }
}

export function* countCases(): Generator<Case> {
  yield* markCases("count", (mark, remaining) => [
    ["INT_MAX", mark.compact ? uvarint(INT_MAX) : sizeBytes(mark, INT_MAX), "closed"],
    ["one more than bytes remain", sizeBytes(mark, remaining + 1), "closed"],
    ["-2", sizeBytes(mark, -2), mark.nullable ? "either" : "closed"],
  ]);
}

export function* lengthCases(): Generator<Case> {
  yield* markCases("length", (mark, remaining) => [
    ["the largest", mark.compact ? uvarint(INT_MAX) : sizeBytes(mark, mark.width === 2 ? 32767 : INT_MAX), "closed"],
    ["one more than bytes remain", sizeBytes(mark, remaining + 1), "closed"],
    ["-2", sizeBytes(mark, -2), mark.nullable ? "either" : "closed"],
    ["null", sizeBytes(mark, -1), mark.nullable ? "either" : "closed"],
  ]);
}

export function* varintCases(): Generator<Case> {
  for (const kind of ["count", "length", "tags"] as const) {
    yield* markCases(kind, (mark) =>
      mark.compact
        ? [
            ["a varint of six bytes", Buffer.from("ffffffffff01", "hex"), "closed"],
            ["a varint of ten bytes", Buffer.alloc(10, 0xff), "closed"],
          ]
        : [],
    );
  }
}

/** Cuts at each byte, or at most `atMost` of them, spread evenly, the first and the last included. */
export function* cutCases(atMost = Number.POSITIVE_INFINITY): Generator<Case> {
  for (const { api, version, request, frame } of requests()) {
    const { length } = request.body;
    const step = Math.max(1, length / atMost);
    for (let cut = 0; cut < length; cut += step) {
      const at = Math.floor(cut);
      yield {
        what: `${api.name} v${version} cut at ${at}`,
        bytes: frame(request.body.subarray(0, at)),
        expected: "closed",
      };
    }
  }
}

export function* tagCases(): Generator<Case> {
  yield* markCases("tags", () => [
    ["a thousand tags and nothing behind", uvarint(1000), "closed"],
    ["2^31 tags, read as none", Buffer.from("8080808008", "hex"), "answered"],
    ["an unknown tag", Buffer.from("01e80702abcd", "hex"), "answered"],
    ["one unknown tag twice", Buffer.from("02e80701abe80701cd", "hex"), "answered"],
    ["an unknown tag of no bytes", Buffer.from("01e80700", "hex"), "answered"],
    ["a tag longer than the request", Buffer.from("01e807ffff7f", "hex"), "closed"],
    ["a tag of negative size", Buffer.from("01e807ffffffff0f", "hex"), "closed"],
  ]);
}

export function decodeCases(start: () => Promise<Target>): void {
  describe("every API and version", () => {
    test("the request the cases start from is answered", async () => {
      await using target = await start();
      const whole = [...requests()].map(({ api, version, request, frame }): Case => {
        return { what: `${api.name} v${version}`, bytes: frame(request.body), expected: "answered" };
      });
      expect(await unexpected(target.address, whole)).toEqual([]);
    });

    const groups: readonly [what: string, cases: () => Iterable<Case>][] = [
      ["B22: counts of elements", countCases],
      ["B23: lengths of strings and bytes", lengthCases],
      ["B24: varints that are too long", varintCases],
      ["B25: cuts", () => cutCases(8)],
      ["B27: tagged sections of the body", tagCases],
    ];
    test.each(groups)("%s", async (_, cases) => {
      await using target = await start();
      expect(await unexpected(target.address, cases())).toEqual([]);
      await probe(target.address);
    });
  });
}

/** Runs the cases, each on a connection of its own, and returns those that came out otherwise. */
export async function unexpected(address: Address, cases: Iterable<Case>): Promise<string[]> {
  const wrong: string[] = [];
  const left = cases[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const { what, bytes, expected } = next.value;
      const outcome = await quickOutcome(address, bytes);
      if (outcome !== expected && (expected !== "either" || outcome === "nothing")) wrong.push(`${what}: ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return wrong;
}

function quickOutcome(address: Address, bytes: Buffer): Promise<"closed" | "answered" | "nothing"> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const timer = setTimeout(() => finish("nothing"), 10_000);
    const finish = (outcome: "closed" | "answered" | "nothing"): void => {
      clearTimeout(timer);
      resolve(outcome);
      socket.destroy();
    };
    socket.on("data", () => finish("answered"));
    socket.on("end", () => finish("closed"));
    socket.on("error", () => {});
    socket.on("close", () => finish("closed"));
    socket.write(bytes);
  });
}
