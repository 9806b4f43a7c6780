/**
 * One node's data plane: what handlers reach for.
 */
export interface Broker {
  readonly nodeId: number;
}
