/**
 * The floor: a process that receives frames, computes their CRC-32C, appends them to new files, answers, and does nothing else.
 * Arguments: how many files, in turn, and their folder. Sends its port to the parent, and its CPU microseconds on request.
 */
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { crc32c } from "../../../protocol/records/crc32c.ts";

const files = Number(process.argv[2]);
const descriptors = Array.from({ length: files }, (_, i) =>
  openSync(join(process.argv[3] as string, `bare-${i}`), "w"),
);
const MAX_FRAME_BYTES = 2 << 20;
const answer = Buffer.from([0, 0, 0, 4, 0, 0, 0, 1]);
let turn = 0;

const listener = await new NodeNetwork().listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  const frame = Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
  let filled = 0;
  connection.receive({
    target: () => frame.subarray(filled),
    received: (sizeBytes) => {
      filled += sizeBytes;
      if (filled < 4 || filled < 4 + frame.readInt32BE(0)) return true;
      // The client sends the next when this is answered.
      crc32c(frame, 4, filled);
      writeSync(descriptors[turn++ % files] as number, frame, 4, filled - 4);
      filled = 0;
      connection.write([answer]);
      return true;
    },
    ended: () => connection.destroy(),
    closed: () => {},
  });
});
process.send?.({ port: listener.address.port });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system });
});
process.on("disconnect", () => process.exit());
