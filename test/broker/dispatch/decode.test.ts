import { describe, expect, test } from "vitest";
import { APIS } from "../../../protocol/apis.ts";
import { DecodeError } from "../../../protocol/bytes/decode-error.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import { startMinimalNode } from "../network/minimal-node.ts";
import { decodeCases, versionsOf } from "./decode-cases.ts";
import { markedRequest } from "./marked-request.ts";

describe("request bodies", () => {
  decodeCases(() => startMinimalNode());

  test("B25: no request of any API and version is read from fewer bytes than it has", () => {
    const wrong: string[] = [];
    for (const api of APIS as readonly Api[]) {
      for (const version of versionsOf(api)) {
        const { body } = markedRequest(api, version);
        for (let cut = 0; cut < body.length; cut++) {
          if (!refuses(api, version, body.subarray(0, cut))) wrong.push(`${api.name} v${version} cut at ${cut}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

function refuses(api: Api, version: number, body: Buffer): boolean {
  try {
    decode(api.request, version, body);
    return false;
  } catch (error) {
    return error instanceof DecodeError;
  }
}
