/**
 * Says what a peer that does not speak Kafka speaks, for the one log line its connection gets.
 */

const TEXTS: readonly (readonly [start: string, says: string])[] = [
  ["GET ", "an HTTP request"],
  ["POST", "an HTTP request"],
  ["PUT ", "an HTTP request"],
  ["HEAD", "an HTTP request"],
  ["OPTI", "an HTTP request"],
  ["DELE", "an HTTP request"],
  ["CONN", "an HTTP request"],
  ["PRI ", "an HTTP/2 connection"],
  ["HTTP", "an HTTP response"],
  ["SSH-", "an SSH connection"],
];

/** @param received what came, from the size on. */
export function describeBadSize(size: number, received: Buffer, maxBytes: number): string {
  const [type, major] = received;
  if (major === 3 && type === 0x16)
    return "a TLS handshake on a listener without TLS (security.protocol of the client?)";
  if (major === 3 && type === 0x15) return "a TLS alert on a listener without TLS";
  const text = received.toString("latin1", 0, 4);
  const known = TEXTS.find(([start]) => start === text);
  if (known !== undefined) return `${known[1]}; this port speaks Kafka's protocol`;
  return size > maxBytes
    ? `a request of ${size} bytes, where at most ${maxBytes} are accepted`
    : `a request of ${size} bytes`;
}
