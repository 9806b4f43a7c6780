/** Who a node of the quorum is, and how others reach it. */
export interface QuorumEndpoint {
  /** Listener name, as CONTROLLER. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

export interface QuorumIdentity {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Of the metadata directory. */
  readonly directoryId: string;
  /** This controller's listeners as they are now; told to those who ask for the leader. */
  readonly endpoints: () => readonly QuorumEndpoint[];
}

/** What a request to the quorum came with. */
export interface QuorumRequest {
  readonly apiVersion: number;
  /** The listener it came in on: the leader's endpoint of that name is told. */
  readonly listenerName: string;
}
