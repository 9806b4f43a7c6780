/** What members that are programs share: records as lines, and leaving when their input ends. */

export function show(partition: number, offset: bigint | string, key: unknown, value: unknown): void {
  process.stdout.write(`${partition}\t${offset}\t${key}\t${value}\n`);
}

export function leaveWhenInputEnds(leave: () => Promise<unknown>): void {
  process.stdin.resume();
  process.stdin.on("end", () => {
    leave().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
