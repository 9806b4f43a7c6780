/**
 * Where the controllers of the quorum are, and which of them leads as far as this node has heard.
 */
import type { Address } from "../../broker/network/network.ts";
import type { ControllerAddresses } from "./remote-controller.ts";

export interface VoterAddress {
  readonly id: number;
  readonly address: Address;
}

export class QuorumAddresses implements ControllerAddresses {
  private readonly voters: readonly VoterAddress[];
  private readonly told = new Map<number, Address>();
  private leaderId: number | undefined;
  private turn = 0;

  /** @param voters at least one. */
  constructor(voters: readonly VoterAddress[]) {
    this.voters = voters;
  }

  /** A controller by its id; one nobody told of is asked where the first voter is. */
  of(id: number): Address {
    return this.told.get(id) ?? this.voters.find((voter) => voter.id === id)?.address ?? this.next();
  }

  next(): Address {
    if (this.leaderId !== undefined) return this.of(this.leaderId);
    const voter = this.voters[this.turn++ % this.voters.length];
    if (voter === undefined) throw new Error("a quorum without voters");
    return voter.address;
  }

  leaderIs(id: number, address: Address | undefined): void {
    this.leaderId = id;
    if (address !== undefined) this.told.set(id, { host: address.host, port: address.port });
  }

  notLeader(asked: Address): void {
    if (this.leaderId === undefined) return;
    const known = this.of(this.leaderId);
    if (known.host === asked.host && known.port === asked.port) this.leaderId = undefined;
  }
}
