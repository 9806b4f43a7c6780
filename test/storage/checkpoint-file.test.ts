import { describe, expect, test } from "vitest";
import { formatOffsets, parseOffsets, readFileIfThere, replaceFile } from "../../storage/checkpoint-file.ts";
import { MemoryDisk } from "../../storage/memory-disk.ts";
import { SeededRandom } from "../simulation/seeded-random.ts";
import { PowerCut, SimulatedDisk } from "../simulation/simulated-disk.ts";

describe("an offset checkpoint", () => {
  test("has Kafka's form", () => {
    const offsets = new Map([
      ["compacted-0", 24],
      ["__consumer_offsets-49", 0],
      ["a-b-7", 2 ** 40],
    ]);
    const text = formatOffsets(offsets);
    expect(text).toBe("0\n3\ncompacted 0 24\n__consumer_offsets 49 0\na-b 7 1099511627776\n");
    expect(parseOffsets(text)).toEqual({ offsets, whole: true });
    expect(parseOffsets(formatOffsets(new Map()))).toEqual({ offsets: new Map(), whole: true });
  });

  test("B93: odd lines are left out, the others are read", () => {
    const cases: [string, [string, number][], boolean][] = [
      ["", [], false],
      ["0", [], false],
      ["0\n", [], false],
      ["1\n1\nt 0 5\n", [], false],
      ["x\n1\nt 0 5\n", [], false],
      ["0\nNaN\nt 0 5\n", [], false],
      ["0\r\n1\r\nt 0 5\r\n", [["t-0", 5]], true],
      ["0\n2\nt 0 5\n", [["t-0", 5]], false],
      [
        "0\n1\nt 0 5\nu 0 6\n",
        [
          ["t-0", 5],
          ["u-0", 6],
        ],
        false,
      ],
      ["0\n2\nt 0 NaN\nu 0 6\n", [["u-0", 6]], false],
      ["0\n2\nt 0 -1\nu -3 6\n", [], false],
      ["0\n2\nt 0 5\nt 0 7\n", [["t-0", 7]], false],
      ["0\n1\nt 0 99999999999999999999\n", [], false],
      ["0\n1\nt 0\n", [], false],
      ["0\n1\n../t 0 1\n", [], false],
      [
        "0\n2\n__proto__ 0 5\nconstructor 1 6\n",
        [
          ["__proto__-0", 5],
          ["constructor-1", 6],
        ],
        true,
      ],
      ["\0\0\0\0\0\0\0\0", [], false],
    ];
    for (const [text, entries, whole] of cases) {
      const read = parseOffsets(text);
      expect([text, [...read.offsets], read.whole]).toEqual([text, entries, whole]);
    }
  });

  test("R79: a power cut at any step of replacing leaves the old content or the new one", async () => {
    const left = new Set<string>();
    for (let seed = 0; seed < 12; seed++) {
      for (let steps = 0; ; steps++) {
        const disk = new SimulatedDisk({ random: new SeededRandom(`replace ${seed} ${steps}`) });
        disk.makeDirectory("/d");
        await disk.syncDirectory("/");
        await replaceFile(disk, "/d/f", "old");
        disk.cutPowerAfter(steps);
        let done = true;
        try {
          await replaceFile(disk, "/d/f", "new");
        } catch (error) {
          expect(error).toBeInstanceOf(PowerCut);
          done = false;
        }
        disk.crash({ powerLoss: true });
        const content = readFileIfThere(disk, "/d/f");
        expect(done ? ["new"] : ["old", "new"]).toContain(content);
        left.add(`${steps} ${content}`);
        if (done) break;
      }
    }
    expect(left.size).toBeGreaterThan(4);
  });

  test("B93: a directory where the file is expected reads as no file", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/d/recovery-point-offset-checkpoint");
    expect(readFileIfThere(disk, "/d/recovery-point-offset-checkpoint")).toBeUndefined();
    expect(readFileIfThere(disk, "/d/none")).toBeUndefined();
  });
});
