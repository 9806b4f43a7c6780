/** The frames in test/golden/frames: what clients and Apache Kafka 4.3.1 really sent each other. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const FOLDER = new URL("../golden/frames/", import.meta.url);

export interface GoldenFrame {
  /** Client and version, as in the name of its file. */
  readonly client: string;
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  /** Header and body, without the length in front. */
  readonly request: Buffer;
  /** Null for a Produce that asked for no acknowledgement. */
  readonly response: Buffer | null;
}

interface Line {
  apiKey: number;
  apiName: string;
  apiVersion: number;
  request: string;
  response: string | null;
}

/** All frames, by client and then as recorded: by API key and version. */
export function goldenFrames(): GoldenFrame[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".jsonl.gz"))
    .sort()
    .flatMap((name) => {
      const client = name.replace(".jsonl.gz", "");
      const lines = gunzipSync(readFileSync(new URL(name, FOLDER)))
        .toString("utf8")
        .trimEnd()
        .split("\n");
      return lines.map((line) => frameOf(client, JSON.parse(line) as Line));
    });
}

function frameOf(client: string, line: Line): GoldenFrame {
  return {
    client,
    apiKey: line.apiKey,
    apiName: line.apiName,
    apiVersion: line.apiVersion,
    request: Buffer.from(line.request, "hex"),
    response: line.response === null ? null : Buffer.from(line.response, "hex"),
  };
}
