/**
 * The deadlines of classic groups: what each is about, and the key under which there is one of it.
 */
export type ClassicDeadline =
  /** A member, or an id that was given away, has to be heard of. */
  | { readonly kind: "session"; readonly groupId: string; readonly memberId: string }
  /** The join phase has taken as long as it may. */
  | { readonly kind: "join"; readonly groupId: string }
  /** The first rebalance of a group has waited for members this long, and may wait so much longer (KIP-134). */
  | { readonly kind: "initialJoin"; readonly groupId: string; readonly delayMs: number; readonly remainingMs: number }
  /** The members of a generation have had their time to sync. */
  | { readonly kind: "sync"; readonly groupId: string; readonly generationId: number };

// The length keeps "a" + "bc" and "ab" + "c" apart: ids are whatever clients choose.
export function sessionKey(groupId: string, memberId: string): string {
  return `s${groupId.length}:${groupId}${memberId}`;
}

export function joinKey(groupId: string): string {
  return `j${groupId}`;
}

export function syncKey(groupId: string): string {
  return `y${groupId}`;
}
