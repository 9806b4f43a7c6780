/** What a cluster could not do that it was asked to do: what asked was wrong, or came at the wrong time. */
export type ControlErrorKind =
  /** What is asked for makes no sense. */
  | "invalid"
  /** There is no such node, topic, fault. */
  | "unknown"
  /** Not in the state it is in. */
  | "conflict"
  /** Not within the time. */
  | "timeout";

export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly kind: ControlErrorKind;

  constructor(kind: ControlErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
