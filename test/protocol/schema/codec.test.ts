/** The codec: versions that exist, and the interpreted engine where the runtime forbids `eval`. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { MetadataRequest } from "../../../protocol/messages/metadata.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";

test("a version that does not exist is refused", () => {
  for (const version of [-1, 14]) {
    expect(() => encodeToBuffer(MetadataRequest, version, { topics: [] })).toThrow(
      `MetadataRequest has no version ${version}`,
    );
    expect(() => decode(MetadataRequest, version, Buffer.alloc(10))).toThrow("no version");
  }
});

test("messages are read and written where code may not be generated", async () => {
  const codec = fileURLToPath(new URL("../../../protocol/schema/codec.ts", import.meta.url));
  const messages = fileURLToPath(new URL("../../../protocol/messages/metadata.ts", import.meta.url));
  const program = `
    import { decode, encodeToBuffer } from ${JSON.stringify(codec)};
    import { MetadataRequest } from ${JSON.stringify(messages)};
    let barred = false;
    try { new Function(""); } catch { barred = true; }
    const bytes = encodeToBuffer(MetadataRequest, 9, { topics: [{ name: "t" }] });
    console.log(JSON.stringify({ barred, hex: bytes.toString("hex"), value: decode(MetadataRequest, 9, bytes) }));
  `;
  const flags = ["--disallow-code-generation-from-strings", "--import", "tsx", "--input-type=module", "-e", program];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  const value = { topics: [{ name: "t" }] };
  expect(JSON.parse(stdout)).toEqual({
    barred: true,
    hex: encodeToBuffer(MetadataRequest, 9, value).toString("hex"),
    value: decode(MetadataRequest, 9, encodeToBuffer(MetadataRequest, 9, value)),
  });
});
