/**
 * A request that is handled in a later turn: what it refers to stays valid until then.
 *
 * Records are views of the frame they came in: a frame of its own is retained; from shared memory they are copied.
 */
import type { SharedBuffer } from "../../storage/shared-buffer.ts";

export interface OwnedRequest {
  readonly request: unknown;
  /** To be called once it is handled, or will not be. */
  release(): void;
}

export function ownedRequest(request: unknown, frame: SharedBuffer | undefined): OwnedRequest {
  if (frame === undefined) return { request: withOwnBytes(request), release: () => {} };
  frame.retain();
  let held = true;
  return {
    request,
    release: () => {
      if (held) frame.release();
      held = false;
    },
  };
}

function withOwnBytes(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withOwnBytes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withOwnBytes(field)]));
}
