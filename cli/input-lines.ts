/**
 * Bytes as lines, whatever bytes they are: without their line break, the last with or without one.
 */
import { CommandError } from "./command-error.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** More is no line that anybody wrote: no broker takes such a record. */
const MAX_LINE_BYTES = 128 * 1024 * 1024;

/** @throws CommandError a line is longer than any record may be. */
export async function* inputLines(input: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of input) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield withoutReturn(Buffer.concat([...pieces, bytes.subarray(start, end)]));
      pieces = [];
      sizeBytes = 0;
      start = end + 1;
    }
    if (start === bytes.length) continue;
    pieces.push(bytes.subarray(start));
    sizeBytes += bytes.length - start;
    if (sizeBytes > MAX_LINE_BYTES) throw new CommandError(`a line has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (pieces.length > 0) yield withoutReturn(Buffer.concat(pieces));
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}
